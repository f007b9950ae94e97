"""The comparison with other packages: what it says of a package that is missing, and that its table is current."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from kanpipe.config.kinds import trained
from kanpipe.experiments.layer_speed.config import Setup

FOLDER = Path(__file__).parents[1] / "benchmarks"
SETUP = Setup(widths=[5, 4], batch=3, bases=8, spline_order=3, layer_norm=True)


@pytest.fixture
def layers(monkeypatch):
    """The script, compiling nothing."""
    monkeypatch.syspath_prepend(FOLDER)
    import layers

    monkeypatch.setattr(torch, "compile", lambda module, **_: module)
    yield layers
    for name in ("layers", "peers", "rendering"):
        sys.modules.pop(name)


def measured(layers, make, block_seconds):
    return pd.DataFrame(layers.measure("small", SETUP, make, 6, block_seconds)).set_index("layer")


def test_inference_takes_no_gradients_of_small_batches(layers, monkeypatch):
    monkeypatch.setattr(layers, "PEERS", {})
    seen = []
    layer = torch.nn.Linear(5, 4)
    layer.register_forward_hook(lambda *_: seen.append(torch.is_grad_enabled()))
    layers.forward(layer, torch.ones(3, 5), None)(lambda: None)
    assert seen == [False]
    rows = measured(layers, layers.forward, block_seconds=1e-5)
    assert (rows.loc["kan", "ms"] > 0).all() and rows.loc["mlp", "over_mlp"] == 1
    assert {name: setup.batch for name, setup in layers.small_batches().items()} == {
        f"linear_{widths}_b{batch}": batch for widths in ("784_400", "256_128") for batch in (1, 8, 64)
    }


def test_failing_peer_is_a_row_that_says_why(layers, monkeypatch):
    def broken(setup, ours):
        raise RuntimeError("it broke\non two lines")

    def missing(setup, ours):
        import no_such_package  # noqa: F401

    monkeypatch.setattr(layers, "PEERS", {"broken": broken, "missing": missing})
    rows = measured(layers, layers.passes, block_seconds=1e-5)
    assert rows.loc["broken", "note"] == "it broke on two lines"
    assert rows.loc["missing", "note"] == "not installed"
    assert rows.loc["mlp", "over_mlp"] == 1 and rows.loc["floor", "over_floor"] == 1
    assert (rows.loc["kan", "ms"] > 0).all()


def test_peer_enters_in_its_fastest_ways_without_and_with_a_compiler_and_is_compared_with_ours(layers, monkeypatch):
    class Slow(torch.nn.Module):
        def __init__(self, ours):
            super().__init__()
            self.ours = ours

        def forward(self, x):
            for _ in range(50):
                y = self.ours(x)
            return y

    monkeypatch.setattr(layers, "PEERS", {"peer": lambda setup, ours: {"quick": ours, "slow": Slow(ours)}})
    rows = measured(layers, layers.passes, block_seconds=1e-4)
    assert list(rows.loc["peer", "mode"]) == ["quick eager", "quick compiled"]
    assert (rows.loc["peer", ["difference", "difference_far"]] == 0).all(axis=None)


@pytest.mark.parametrize(("name", "size", "refusal"), [("convkan", None, "is a"), ("inkan", 3, "has no")])
def test_peer_is_refused_only_where_it_has_no_layer(name, size, refusal, layers, monkeypatch):
    def asked(*_, **__):
        raise LookupError("asked for a layer")

    monkeypatch.setitem(sys.modules, name, SimpleNamespace(ConvKAN=asked, KANLayer=asked))
    with pytest.raises(ValueError, match=f"it {refusal} convolution"):
        layers.PEERS[name](SETUP.model_copy(update={"kernel_size": size}), None)
    with pytest.raises(LookupError):
        layers.PEERS[name](SETUP.model_copy(update={"kernel_size": 3 if size is None else None}), None)


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


@pytest.mark.parametrize("name", ["layers", "inference"])
def test_readme_has_the_table_of_the_results(name, layers):
    from rendering import render

    after = (FOLDER / "README.md").read_text().split(f"<!-- {name}.csv begins -->")[1]
    shown = after.split(f"<!-- {name}.csv ends -->")[0].strip()
    assert shown == render(pd.read_csv(FOLDER / f"{name}.csv"))
    assert (FOLDER / f"{name}.md").read_text().strip() == shown


@pytest.fixture
def gpu(monkeypatch):
    """The script for a GPU."""
    monkeypatch.syspath_prepend(FOLDER)
    import gpu

    yield gpu
    sys.modules.pop("gpu")


def small_unets(gpu):
    """The specs of both U-Nets, as narrow as the tests have them."""
    plan = gpu.plans()["cifar10_ddim"]
    block = plan.blocks("train")
    narrow = {"network": block["problem"]["network"] | {"channels": 8, "multipliers": [1, 2], "groups": 4}}
    few = {"problem": block["problem"] | narrow, "training": block["training"] | {"batch_size": 2}}
    return {name: trained(plan.kind, few | {"variant": plan.variant(name)}) for name in gpu.UNETS}


def test_steps_of_the_unets_are_timed_in_turns(gpu, machine):
    rows = gpu.unet_rows(small_unets(gpu), machine, modes=["eager"], rounds=2, block_seconds=1e-3)
    assert rows["variant"].tolist() == list(gpu.UNETS) and set(rows["mode"]) == {"eager"}
    assert (rows["step_ms"] > 0).all() and rows["over_first"][0] == 1
    assert rows["parameters"][0] < rows["parameters"][1] and rows["peak_mib"].isna().all()


def test_layers_are_timed_for_as_long_as_there_is_time(gpu, machine, monkeypatch, capsys):
    plan = gpu.plans()["layer_speed"]
    plan.settings["problem"]["setups"] = {"first": SETUP.model_dump(), "second": SETUP.model_dump()}
    plan.settings["problem"]["contenders"] = {"mlp": ["eager"], "floor": ["eager"], "kan": ["eager"]}
    plan.settings["timing"] = {"rounds": 6, "block_seconds": 1e-5}
    clock = iter([0.0, 9.0])
    monkeypatch.setattr(gpu, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    rows = gpu.layer_rows(plan, machine, until=5.0)
    assert set(rows["setup"]) == {"first"} and set(rows["variant"]) == {"mlp", "floor", "kan"}
    assert "no time is left for the set-up second" in capsys.readouterr().out
    page = gpu.page(machine, "some clocks", rows.head(1), rows)
    assert "some clocks" in page and f"torch {gpu.versions()['torch']}" in page and "| first" in page


def test_without_a_gpu_nothing_is_measured(gpu, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    gpu.main()
    assert capsys.readouterr().out == "torch sees no CUDA device: nothing is measured\n"
