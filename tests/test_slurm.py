"""Jobs that can never start are known by the reason that SLURM gives, and told of at the second look."""

import os
from pathlib import Path

import pytest

from kanpipe import slurm

FOLDER = Path("/project")
LATE = "7|PartitionTimeLimit|rule_swiss_roll_train_wildcards_mlp_0 |/project"
QUEUED = "8|Resources|rule_kan_vae_train|/project"
FOREIGN = "9|PartitionTimeLimit|rule_kan_vae_train|/elsewhere"


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A squeue that says the lines given to it, and a scancel that writes down what it is told."""

    def answer(*lines):
        squeue = tmp_path / "squeue"
        squeue.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n")
        squeue.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return answer


def test_job_that_can_never_start_is_lost_at_the_second_look(queue):
    watch = slurm.Watch(FOLDER)
    queue(LATE, QUEUED, FOREIGN)
    assert watch.look() == []
    (lost,) = watch.look()
    assert (lost.number, lost.reason) == ("7", "PartitionTimeLimit")
    assert "SLURM job 7 (rule_swiss_roll_train_wildcards_mlp_0) can never start (PartitionTimeLimit)" in lost.sentence()


def test_reason_that_has_gone_is_forgotten(queue):
    watch = slurm.Watch(FOLDER)
    for lines in ([LATE], [QUEUED], [LATE]):
        queue(*lines)
        assert watch.look() == []


@pytest.mark.parametrize(
    ("reason", "hopeless"),
    [
        ("BadConstraints", True),
        ("QOSMaxWallDurationPerJobLimit", True),
        ("AssocMaxCpuPerJobLimit", True),
        ("QOSMaxMemoryPerJob", True),
        ("InvalidQOS", True),
        ("Priority", False),
        ("QOSMaxJobsPerUserLimit", False),
        ("AssocGrpCpuLimit", False),
        ("ReqNodeNotAvail, UnavailableNodes:n[1-2]", False),
    ],
)
def test_only_what_waiting_does_not_mend_is_hopeless(queue, reason, hopeless):
    watch = slurm.Watch(FOLDER)
    queue(f"7|{reason}|rule_a|/project")
    watch.look()
    assert bool(watch.look()) == hopeless


def test_where_slurm_does_not_answer_nothing_is_lost(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert slurm.waiting(FOLDER) == []
