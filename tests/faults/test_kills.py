"""kill -9 of jobs: the same command, given again, ends with the bytes of an undisturbed run and leaves nothing else."""

import random
import shutil

import pytest
from jobs import Job, leftovers
from servers import Faulty, published, serving

RESULTS = ("weights.safetensors", "snapshots.safetensors", "history.csv")


def partial(job):
    """Whether the job has begun to write one of its outputs."""
    return any(path.parent.exists() and list(path.parent.glob(".*.partial*")) for path in job.out)


def forget(job):
    for path in job.out:
        path.unlink()


def finish(job, killed, whole, injected, names=None):
    """Run the job again, and compare what it leaves with what the undisturbed one has left."""
    again = job.run()
    paths = [path for path in job.out if names is None or path.name in names]
    same = all(path.read_bytes() == (whole / path.relative_to(job.folder)).read_bytes() for path in paths)
    left = leftovers(job.folder)
    fine = "the same bytes" if killed.status == -9 else "ended before the kill"
    injected(job.stage, fine if again.status == 0 and same and not left else "broken")
    assert (again.status, same, left) == (0, True, []), again.said


@pytest.mark.parametrize("seed", range(12))
def test_training_killed_after_its_first_checkpoint(whole, tmp_path, injected, seed):
    draw = random.Random(seed)
    (folder := tmp_path / "results").mkdir()
    job, sittings = Job(folder, "train", draw.choice(["mlp", "small_kan"])), 1
    state = job.out[0].parent / ".checkpoint/state.pt"
    for _ in range(draw.choice([1, 1, 2])):
        before = state.stat().st_mtime_ns if state.exists() else None
        killed = job.killed_when(
            lambda before=before: state.exists() and state.stat().st_mtime_ns != before, draw.random() * 0.3
        )
        sittings += killed.status == -9
    finish(job, killed, whole, injected, RESULTS)
    assert f'"sittings": {sittings}' in (job.out[-1].parent / "run.json").read_text()


@pytest.mark.parametrize("stage", ["train", "sample", "evaluate", "prepare"])
@pytest.mark.parametrize("try_", range(4))
def test_job_killed_while_it_writes(results, whole, injected, stage, try_):
    job = Job(results, stage)
    shutil.rmtree(job.out[0].parent) if stage == "train" else forget(job)
    killed = job.killed_when(lambda: partial(job), delay=0.001 * try_)
    finish(job, killed, whole, injected, RESULTS if stage == "train" else None)


@pytest.mark.parametrize(("stage", "most"), [("sample", 1.0), ("evaluate", 2.0), ("prepare", 0.5)])
@pytest.mark.parametrize("seed", range(5))
def test_job_killed_at_any_time(results, whole, injected, stage, most, seed):
    job = Job(results, stage)
    forget(job)
    killed = job.killed_when(lambda: True, delay=random.Random(seed).random() * most)
    finish(job, killed, whole, injected)


@pytest.mark.parametrize("number", [0, 3, 6])
def test_publishing_killed_after_some_figures(results, whole, injected, number):
    shutil.rmtree(results / "swiss_roll/figures")
    shutil.rmtree(results / "tables")
    job = Job(results, "publish")
    killed = job.killed_when(lambda: len(list(results.glob("swiss_roll/figures/*.p*"))) > number, delay=0.05)
    finish(job, killed, whole, injected)


@pytest.mark.parametrize("seed", range(5))
def test_download_killed_while_bytes_come(tmp_path, injected, seed):
    (folder := tmp_path / "results").mkdir()
    content = random.Random(seed).randbytes(200_000)
    with serving(Faulty(content, pause=0.01)) as server:
        job = Job(folder, "fetch", prepare=published(content, server.url), config={"data": {}})
        part = job.out[0].with_name(".file.bin.part")
        killed = job.killed_when(lambda: part.exists() and part.stat().st_size > 0, delay=0.02 * seed)
        assert killed.status == -9 and not job.out[0].exists()
        again = job.run()
        left = [path for path in leftovers(folder) if not path.endswith(".lock")]  # which a later download takes again
    same = again.status == 0 and job.out[0].read_bytes() == content
    injected("download", "the same bytes" if same and not left else "broken")
    assert same and not left, again.said
