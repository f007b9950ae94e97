"""A cluster for the tests of a file, and copies of the project for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster, missing
from clustered_project import ClusteredProject


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that lies here runs Snakemake on a cluster, which `make test-slurm` asks for."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slurm)
            item.add_marker(pytest.mark.workflow)


@pytest.fixture(scope="module", params=[False], ids=["unbound"])
def cluster(request, tmp_path_factory) -> Iterator[Cluster]:
    """A SLURM that is there for the tests of one file; the parameter: whether it binds jobs to their CPUs."""
    if reason := missing():
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("slurm"), binds_cpus=request.param)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def project(cluster, tmp_path) -> Iterator[ClusteredProject]:
    """A copy in which nothing has run; what it leaves in the queue is cancelled."""
    yield ClusteredProject(tmp_path, cluster)
    cluster.cancel_all()
