"""The tiny preset from end to end on a cluster, against the same on one machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from clustered_project import ClusteredProject
from test_workflow import copy_of_project, snakemake

BINDING = {"unbound": False, "bound": True}


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """What the tiny preset leaves without a cluster."""
    folder = copy_of_project(tmp_path_factory.mktemp("local"))
    answer = snakemake(folder, "--config", "preset=tiny", minutes=60)
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


def files(folder, *patterns):
    return sorted(path.relative_to(folder) for pattern in patterns for path in folder.glob(f"*/*/seed*/{pattern}"))


def timeless(path):
    """The arrays of a file but for the times that it has."""
    with np.load(path) as arrays:
        return {name: arrays[name].tobytes() for name in arrays if "seconds" not in name}


@pytest.mark.parametrize("cluster", BINDING.values(), ids=BINDING.keys(), indirect=True, scope="module")
def test_chain_on_a_cluster_leaves_the_bytes_of_a_local_one(cluster, local, tmp_path):
    project = ClusteredProject(tmp_path, cluster)
    with watched(cluster) as looks:
        assert project.run("--config", "preset=tiny", minutes=60) == 0, project.words()
    results = tmp_path / "results/tiny"
    trained = files(local, "*.safetensors", "history.csv", "validation.csv")
    assert trained == files(results, "*.safetensors", "history.csv", "validation.csv")
    assert not [path for path in trained if (results / path).read_bytes() != (local / path).read_bytes()]
    assert not [path for path in files(local, "*.npz") if timeless(results / path) != timeless(local / path)]
    verdicts = [pd.read_csv(folder / "tables/claims.csv").set_index("id")["verdict"] for folder in (local, results)]
    assert verdicts[0].equals(verdicts[1])
    assert max(look.count("gpu") for look in looks) == 1, "one GPU, one job with a GPU"
