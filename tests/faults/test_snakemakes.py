"""Snakemake itself: killed with a live job, started twice, and with clocks that go wrong."""

import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest
from whole_workflow import copy_of_project, overlay, snakemake

RUN = "results/tiny/swiss_roll/mlp/seed0"
RESULTS = ("weights.safetensors", "snapshots.safetensors", "history.csv")


def begin(folder, *before):
    """Snakemake, training, in the background."""
    command = [*before, sys.executable, "-m", "snakemake", "--cores", "1", *arguments(folder)]
    with open(folder / "said.txt", "w") as said:
        return subprocess.Popen(command, cwd=folder, stdout=said, stderr=said)


def arguments(folder):
    longer = overlay(folder, others=False, seeds=[0], training={"epochs": 600})
    return (f"{RUN}/run.json", "--configfile", longer, "--config", "checkpoint_seconds=0")


def wait_for(reached, seconds=300):
    deadline = time.monotonic() + seconds
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert reached()


def trainer(process):
    """The process that trains, below Snakemake."""
    return next(p for p in psutil.Process(process.pid).children(recursive=True) if "train.py" in " ".join(p.cmdline()))


def results(folder):
    return {name: (folder / RUN / name).read_bytes() for name in RESULTS}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = copy_of_project(tmp_path_factory.mktemp("undisturbed"))
    assert snakemake(folder, *arguments(folder)).returncode == 0
    return results(folder)


@pytest.fixture
def orphan(tmp_path):
    """A project whose Snakemake was killed after the first checkpoint of a training that goes on, and that training."""
    folder = copy_of_project(tmp_path)
    process = begin(folder)
    wait_for((folder / RUN / ".checkpoint/state.pt").exists)
    training = trainer(process)
    process.kill()
    process.wait()
    yield folder, training
    if training.is_running():
        training.kill()


def test_rerun_beside_an_orphan_is_refused_until_it_is_stopped(orphan, undisturbed, injected):
    folder, training = orphan
    os.kill(training.pid, signal.SIGSTOP)  # so that it does not end before it is met
    assert snakemake(folder, *arguments(folder), "--unlock").returncode == 0
    refused = snakemake(folder, *arguments(folder))
    told = "another process is training into" in refused.stdout + refused.stderr
    training.kill()
    again = snakemake(folder, *arguments(folder))
    same = again.returncode == 0 and results(folder) == undisturbed
    injected("killed; a rerun beside the live job", "refused, then the same bytes" if told and same else "broken")
    assert refused.returncode != 0 and told and same, refused.stderr + again.stderr


def test_orphan_that_ends_leaves_what_a_rerun_ends_with(orphan, undisturbed, injected):
    folder, training = orphan
    wait_for(lambda: not training.is_running() or training.status() == psutil.STATUS_ZOMBIE)
    assert snakemake(folder, *arguments(folder), "--unlock").returncode == 0
    again = snakemake(folder, *arguments(folder))
    same = again.returncode == 0 and results(folder) == undisturbed
    injected("killed; a rerun after the live job has ended", "the same bytes" if same else "broken")
    assert same, again.stderr


def test_second_snakemake_is_refused(tmp_path, undisturbed, injected):
    folder = copy_of_project(tmp_path)
    process = begin(folder)
    wait_for((folder / RUN / ".checkpoint").exists)
    second = snakemake(folder, *arguments(folder))
    first = process.wait(600)
    told = "LockException" in second.stdout + second.stderr
    same = first == 0 and results(folder) == undisturbed
    injected("a second one in the folder", "refused, and the first ends well" if told and same else "broken")
    assert second.returncode != 0 and told and same, second.stderr


@pytest.mark.skipif(not shutil.which("faketime"), reason="needs faketime")
@pytest.mark.parametrize("when", ["2001-01-01 00:00:00", "2037-01-01 00:00:00"])
def test_clock_that_is_wrong_while_it_trains(tmp_path, undisturbed, injected, when):
    folder = copy_of_project(tmp_path)
    # A clock that is set leaves the monotonic one as it is; faked too, Python would wait on it for ever.
    ended = begin(folder, "faketime", "--exclude-monotonic", "-f", f"@{when}").wait(600)
    same = ended == 0 and results(folder) == undisturbed
    injected("a clock in another year", "the same bytes" if same else "broken")
    assert same, (folder / "said.txt").read_text()


@pytest.mark.parametrize("years", [-30, 10])
def test_times_of_results_that_are_wrong(tmp_path, injected, years):
    folder = copy_of_project(tmp_path)
    assert snakemake(folder, *arguments(folder)).returncode == 0
    moved = time.time() + years * 365 * 86400
    for name in (*RESULTS, "run.json"):
        os.utime(folder / RUN / name, (moved, moved))
    answer = snakemake(folder, *arguments(folder), "--dry-run")
    injected("times of results set to another year", "planned" if answer.returncode == 0 else "broken")
    assert answer.returncode == 0 and "Traceback" not in answer.stderr
