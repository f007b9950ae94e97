"""The comparison with other packages: what it says of a package that is missing, and that its table is current."""

import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

from kanpipe.experiments.layer_speed.config import Setup

FOLDER = Path(__file__).parents[1] / "benchmarks"
SETUP = Setup(widths=[5, 4], batch=3, bases=8, spline_order=3, layer_norm=True)


@pytest.fixture
def layers(monkeypatch):
    """The script, compiling nothing."""
    monkeypatch.syspath_prepend(FOLDER)
    import layers

    monkeypatch.setattr(torch, "compile", lambda module, **_: module)
    monkeypatch.setitem(layers.SETUPS, "small", SETUP)
    yield layers
    for name in ("layers", "peers", "rendering"):
        sys.modules.pop(name)


def test_failing_peer_is_a_row_that_says_why(layers, monkeypatch):
    def broken(setup, ours):
        raise RuntimeError("it broke\non two lines")

    def missing(setup, ours):
        import no_such_package  # noqa: F401

    monkeypatch.setattr(layers, "PEERS", {"broken": broken, "missing": missing})
    rows = pd.DataFrame(layers.measure("small", rounds=6, block_seconds=1e-5)).set_index("layer")
    assert rows.loc["broken", "note"] == "it broke on two lines"
    assert rows.loc["missing", "note"] == "not installed"
    assert rows.loc["mlp", "over_mlp"] == 1 and rows.loc["floor", "over_floor"] == 1
    assert (rows.loc["kan", "ms"] > 0).all()


def test_peer_enters_in_its_fastest_way_and_is_compared_with_ours(layers, monkeypatch):
    class Slow(torch.nn.Module):
        def __init__(self, ours):
            super().__init__()
            self.ours = ours

        def forward(self, x):
            for _ in range(50):
                y = self.ours(x)
            return y

    monkeypatch.setattr(layers, "PEERS", {"peer": lambda setup, ours: {"quick": ours, "slow": Slow(ours)}})
    rows = pd.DataFrame(layers.measure("small", rounds=6, block_seconds=1e-4)).set_index("layer")
    assert rows.loc["peer", "mode"].startswith("quick")
    assert rows.loc["peer", "difference"] == rows.loc["peer", "difference_far"] == 0


def test_random_states_are_restored(layers):
    import random

    import numpy as np

    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002
    with layers.sheltered():
        torch.manual_seed(7)
        random.seed(7)
        np.random.seed(7)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[1]
    assert (np.random.get_state()[1] == states[2]).all()  # noqa: NPY002


def test_readme_has_the_table_of_the_results(layers):
    from rendering import BEGIN, END, render

    shown = (FOLDER / "README.md").read_text().split(BEGIN)[1].split(END)[0].strip()
    assert shown == render(pd.read_csv(FOLDER / "layers.csv"))
    assert (FOLDER / "layers.md").read_text().strip() == shown
