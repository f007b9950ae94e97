"""disks: full, limited, read-only and vanishing ones stop a job in one sentence, and what was done is kept."""

import os
import resource
import shutil
import subprocess
import time
from functools import partial

import pytest
from jobs import Job, leftovers

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")
INPUTS = {"train": (), "sample": ("weights", "snapshots", "history", "run", "validation"), "prepare": ()}
INPUTS["evaluate"] = (*INPUTS["sample"], "samples", "sampled")
INPUTS["publish"] = (*INPUTS["evaluate"], "runs", "floors", "runs.csv", "floors.csv")  # the last for their digests


def mount(folder, options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path):
    """A file system in memory of its own, to be filled."""
    (folder := tmp_path / "results").mkdir()
    mount(folder, "size=64m")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder, whole, stage):
    """Give the job what it reads, of the undisturbed run."""
    for path in whole.rglob("*"):
        if path.is_file() and path.stem in INPUTS[stage]:
            target = folder / path.relative_to(whole)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def same(job, whole):
    """Whether the outputs are those of the undisturbed run; records and tables have times in them."""
    return all(
        path.read_bytes() == (whole / path.relative_to(job.folder)).read_bytes()
        for path in job.out
        if path.name != "run.json"
    )


def partials(folder):
    return [path for path in leftovers(folder) if "partial" in path]


@pytest.mark.parametrize(
    ("stage", "room"),
    [("train", 4), ("train", 8), ("train", 24), ("train", 40), ("sample", 0), ("sample", 4), ("evaluate", 0)]
    + [("evaluate", 4), ("prepare", 40), ("prepare", 400), ("publish", 40), ("publish", 300)],
)
def test_full_disk(disk, whole, injected, stage, room):
    fill(disk, whole, stage)
    (disk / "logs").mkdir(exist_ok=True)
    used = shutil.disk_usage(disk).used // 1024
    remount(disk, f"size={used + room}k")
    job = Job(disk, stage)
    ended = job.run()
    left = partials(disk)
    remount(disk, "size=64m")
    again = job.run()
    fine = again.status == 0 and same(job, whole) and not leftovers(disk)
    told = ended.sentence.startswith("the disk is full")
    outcome = (
        "told, then the same bytes" if told and fine and not left else "room enough" if not ended.status else "broken"
    )
    injected(f"disk full, {stage}", outcome, ended.sentence)
    assert (ended.status, told, left, fine) == (1, True, [], True), ended.said + again.said


def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("stage", ["train", "sample", "evaluate", "prepare", "publish"])
@pytest.mark.parametrize("size", [500, 800])
def test_limit_of_the_size_of_files(results, whole, injected, stage, size):
    job = Job(results, stage, prepare=partial(limit, size))
    for path in job.out:
        path.unlink(missing_ok=True)
    ended = job.run()
    left = partials(results)
    again = Job(results, stage).run()
    told = "would be larger than `ulimit -f`" in ended.sentence
    fine = again.status == 0 and same(job, whole)
    injected(f"size of files limited, {stage}", "told, then the same bytes" if told and fine and not left else "broken")
    assert (ended.status, told, left, fine) == (1, True, [], True), ended.said + again.said


@pytest.mark.parametrize("stage", ["train", "sample", "evaluate", "prepare", "publish"])
def test_read_only_disk(disk, whole, injected, stage):
    fill(disk, whole, stage)
    remount(disk, "ro")
    job = Job(disk, stage)
    ended = job.run()
    remount(disk, "rw")
    again = job.run()
    told = "file system that is read-only" in ended.sentence and "Traceback" not in ended.said
    fine = again.status == 0 and same(job, whole)
    injected(f"disk read-only, {stage}", "told, then the same bytes" if told and fine else "broken", ended.sentence)
    assert (ended.status, told, fine) == (1, True, True), ended.said + again.said


@pytest.mark.parametrize("delay", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("stage", ["train", "sample"])
def test_vanishing_folder(results, whole, injected, stage, delay):
    job = Job(results, stage)
    run = job.out[0].parent
    if stage == "train":
        shutil.rmtree(run)
    process = job.start()
    deadline = time.monotonic() + 60
    while stage == "train" and not (run / ".checkpoint/state.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(delay)
    shutil.rmtree(results / "swiss_roll", ignore_errors=True)
    ended = job.ended(process)
    late = ended.status == 0 and not job.out[0].exists()  # it went after the job had ended
    told = ended.status == 1 and str(results) in ended.sentence and "the whole story" not in ended.sentence
    outcome = "told" if told else "done before" if late else "the same bytes" if same(job, whole) else "broken"
    injected(f"folder gone, {stage}", outcome, ended.sentence)
    assert outcome != "broken", ended.said
