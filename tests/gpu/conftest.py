"""Tests that need a GPU: in the order of their files, the cheapest first, and for eight minutes at most.

KANPIPE_GPU_TESTS=cpu runs what a CPU can do of them, to test the tests.
"""

import os
import time

import pytest
import torch

from kanpipe.machine import Machine

DEVICE = os.environ.get("KANPIPE_GPU_TESTS", "cuda")
MINUTES = 8
began = time.monotonic()


def pytest_collection_modifyitems(items):
    # Where an operation has no deterministic form torch warns; what that does is seen by the tests that compare bytes.
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:.*deterministic"))


def pytest_runtest_setup(item):
    if DEVICE == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    if DEVICE != "cuda" and item.get_closest_marker("real_gpu"):
        pytest.skip("needs a real GPU")
    if time.monotonic() - began > 60 * MINUTES:
        pytest.skip(f"{MINUTES} minutes are over")


@pytest.fixture(scope="session")
def gpu():
    """The machine of all these tests."""
    return Machine.prepare(DEVICE)
