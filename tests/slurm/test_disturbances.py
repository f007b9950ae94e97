"""Jobs that are stopped, nodes that go and a Snakemake that is killed: the training ends with the same bytes."""

import json
import os
import signal

import psutil
import pytest
from cluster import wait_until
from clustered_project import CHECKPOINT, RUN, one_training
from whole_workflow import copy_of_project, snakemake

SAME_COMMAND = "the same command, typed again"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> bytes:
    """The weights of the training when nothing stops it."""
    folder = copy_of_project(tmp_path_factory.mktemp("undisturbed"))
    answer = snakemake(folder, *one_training(folder), cores=1)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return (folder / RUN / "weights.safetensors").read_bytes()


@pytest.fixture
def training(project):
    """Snakemake, whose one job has written a checkpoint, and the number of that job."""
    process = project.start(*one_training(project.folder))
    wait_until((project.folder / CHECKPOINT).exists, "the first checkpoint")
    (job,) = project.cluster.jobs("RUNNING")
    yield process, job
    process.kill()


@pytest.fixture
def orphan(training):
    """The number of a job whose Snakemake has been killed."""
    process, job = training
    process.kill()
    process.wait()
    return job


@pytest.fixture
def assert_same(project, undisturbed):
    """The check that the results are those of the undisturbed training, in so many sittings where it is known."""

    def check(sittings=None):
        assert (project.folder / RUN / "weights.safetensors").read_bytes() == undisturbed
        record = json.loads((project.folder / RUN / "run.json").read_text())
        assert sittings in (None, record["sittings"])

    return check


@pytest.mark.parametrize(
    "disturbance",
    [
        pytest.param("scancel {job}", id="scancel"),
        pytest.param("scancel --signal=KILL {job}", id="killed"),
        pytest.param("scontrol requeue {job}", id="preempted"),
        pytest.param("scontrol update nodename={node} state=down reason=test", id="node_down"),
    ],
)
def test_stopped_job_goes_on_by_itself(project, training, assert_same, disturbance):
    process, job = training
    (node,) = project.cluster.jobs("RUNNING", form="%N")
    project.cluster.asked(*disturbance.format(job=job, node=node).split())
    assert process.wait(timeout=1800) == 0, project.words()
    project.cluster.asked("scontrol", "update", f"nodename={node}", "state=resume")
    assert_same(sittings=2)


def test_job_whose_time_is_over_goes_on_by_itself(project, training, assert_same):
    process, job = training
    processes = psutil.process_iter(["cmdline", "cwd"])
    here = [found for found in processes if found.info["cwd"] == str(project.folder)]
    (trains,) = [found for found in here if found.info["cmdline"][-1].endswith("train.py")]
    trains.suspend()  # so that it does not end within the minute that is the least limit
    project.cluster.asked("scontrol", "update", f"jobid={job}", "TimeLimit=1")
    assert process.wait(timeout=1800) == 0, project.words()
    assert "TIMEOUT" in project.words()
    assert_same(sittings=2)


def test_job_without_enough_memory_is_given_more(project, assert_same):
    assert project.run(*one_training(project.folder, mem_mb=500)) == 0, project.words()
    assert "Trying to restart job" in project.words(), "500 MB must not be enough, or this tests nothing"
    assert_same()


def test_orphan_of_a_killed_snakemake_that_is_left_to_end(project, orphan, assert_same):
    wait_until(lambda: not project.cluster.jobs("RUNNING", "PENDING"), "the end of the orphan")
    assert project.run(*one_training(project.folder)) == 0, SAME_COMMAND
    assert "Nothing to be done" in project.words()
    assert_same(sittings=1)


def test_orphan_of_a_killed_snakemake_that_is_cancelled(project, orphan, assert_same):
    project.cluster.cancel_all()
    command = one_training(project.folder)
    assert project.run(*command) != 0
    assert "--unlock" in project.words()
    assert project.run(*command, "--unlock") == 0
    assert project.run(*command) == 0, project.words()
    assert_same(sittings=2)


def test_orphan_that_slurm_starts_again_beside_the_rerun(project, orphan, assert_same):
    project.cluster.asked("scontrol", "requeue", orphan)
    command = one_training(project.folder)
    assert project.run(*command, "--unlock") == 0
    rerun = project.start(*command)
    assert rerun.wait(timeout=1800) == 0, project.words()
    wait_until(lambda: not project.cluster.jobs("RUNNING", "PENDING"), "the end of the orphan")
    assert_same()


def test_interrupt_cancels_the_job_and_the_same_command_goes_on(project, training, assert_same):
    process, job = training
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=600) != 0
    wait_until(lambda: job not in project.cluster.jobs("RUNNING", "COMPLETING"), "the end of the job")
    assert project.run(*one_training(project.folder)) == 0, SAME_COMMAND
    assert_same(sittings=2)
