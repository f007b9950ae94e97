"""The tiny preset from end to end on a cluster, against the same on one machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
import pytest
from cluster import GPUS
from clustered_project import ClusteredProject
from whole_workflow import copy_of_project, snakemake

BUSY = 180  # minutes that a chain may take where the machine has other work


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """What the tiny preset leaves without a cluster."""
    folder = copy_of_project(tmp_path_factory.mktemp("local"))
    answer = snakemake(folder, "--config", "preset=tiny", minutes=BUSY)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return folder / "results/tiny"


@contextmanager
def watched(cluster) -> Iterator[list[list[str]]]:
    """The partitions of all running jobs, at every look."""
    looks: list[list[str]] = []
    ended = threading.Event()

    def look():
        while not ended.wait(0.5):
            looks.append(cluster.jobs("RUNNING", "COMPLETING", form="%P"))

    watch = threading.Thread(target=look)
    watch.start()
    try:
        yield looks
    finally:
        ended.set()
        watch.join()


def files(folder, entry):
    """What every run of an entry leaves that has no times in it."""
    names = ("*.safetensors", "history.csv", "validation.csv", "samples.npz")
    return sorted(path.relative_to(folder) for name in names for path in folder.glob(f"{entry}/*/seed*/{name}"))


def verdicts(folder):
    return pd.read_csv(folder / "tables/claims.csv").set_index("id")["verdict"]


@pytest.mark.parametrize(
    ("cluster", "entries"),
    [(False, []), (True, ["kan_vae"])],
    ids=["unbound", "bound"],
    indirect=["cluster"],
    scope="module",
)
def test_chain_on_a_cluster_leaves_the_bytes_of_a_local_one(cluster, local, tmp_path, entries):
    """Where CPUs are bound one entry that has all stages stands for the others: what differs is how a job starts."""
    project = ClusteredProject(tmp_path, cluster)
    with watched(cluster) as looks:
        assert project.run(*entries, "--config", "preset=tiny", minutes=BUSY) == 0, project.words()
    results = tmp_path / "results/tiny"
    for entry in entries or ["*"]:
        left = files(local, entry)
        assert left == files(results, entry) != []
        assert not [path for path in left if (results / path).read_bytes() != (local / path).read_bytes()]
    assert entries or verdicts(results).equals(verdicts(local))
    assert max(look.count("gpu") for look in looks) == GPUS, "as many jobs with a GPU as there are GPUs"
