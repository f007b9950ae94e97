"""What several test modules share."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # idle threads that spin slow small nets down many times over

import pytest
import torch

from kanpipe.machine import Machine

torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """Whole workflows first: they take longest, and other workers share the rest meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("workflow") is None)


@pytest.fixture
def machine():
    """One thread of the CPU, whatever the tests before it have set."""
    return Machine.prepare("cpu", threads=1)


@pytest.fixture
def draw():
    """A generator of the same numbers in every run of the tests."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def datasets(tmp_path_factory):
    """The folder of the datasets that need no network."""
    from kanpipe.data.prepare import prepare

    folder = tmp_path_factory.mktemp("data")
    for name in ("digits", "photographs"):
        prepare(name, folder, folder / f"{name}.npz")
    return folder
