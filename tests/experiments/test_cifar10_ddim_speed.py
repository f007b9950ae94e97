"""CIFAR-10 DDIM: which training steps are timed, and what is said of them."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from run_records import record

from kanpipe.config.kinds import parsed
from kanpipe.evaluation.flops import training_flops
from kanpipe.experiments.cifar10_ddim import operations, problem, speed
from kanpipe.experiments.layer_speed.published_layers import CoxDeBoorConv2d, CoxDeBoorLinear
from kanpipe.experiments.protocol import Inputs
from kanpipe.layers.kan_layer import KANLayer
from kanpipe.machine import Machine
from kanpipe.runs import FinishedRun

CPU = Machine.prepare("cpu", threads=1)
IMAGES = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
TIMING = {"variants": ["unet", "kan_unet", "ukan"], "rounds": 6, "block_seconds": 0.001}
PROBLEM = {
    "dataset": "photographs",
    "diffusion": {"steps": 1000, "first": 1e-4, "last": 0.02},
    "network": {"channels": 4, "multipliers": [1], "groups": 4, "dropout": 0.1},
}
SPEC = parsed("cifar10_ddim", {"problem": PROBLEM, "timing": TIMING})
INPUTS = Inputs(Path("photographs.npz"))
TRAINING = {"steps": 5, "batch_size": 4, "learning_rate": 1e-3, "decay": "constant", "clip_norm": 1.0}
TRAINING |= {"ema": {"decay": 0.9, "ramp": True}, "precision": "float32", "compile": False, "cuda_graph": False}
TRAINING |= {"micro_batches": 1, "probe_steps": [0]}
VARIANTS = {
    "unet": {"family": "mlp"},
    "kan_unet": {"family": "kan", "grid_size": 3, "spline_order": 2, "training": {"batch_size": 8, "micro_batches": 2}},
}
OF_TORCH_CONV_KAN = {"family": "kan", "grid_size": 3, "spline_order": 2, "base_activation": "gelu", "scaler": False}
OF_TORCH_CONV_KAN |= {"grid_range": [-1, 1], "init": "torch_conv_kan", "linear_norm": "layer"}
OF_TORCH_CONV_KAN |= {"conv_norm": "instance", "output_activation": "prelu"}


def run(variant, seed=0):
    spec = {"problem": PROBLEM, "training": TRAINING, "variant": VARIANTS[variant]}
    said = {"kind": "cifar10_ddim", "variant": variant, "seed": seed, "spec": spec, "parameters": 10 + seed}
    said["peak_memory_mib"] = 77.0
    return FinishedRun(Path("nowhere"), record(**said))


@pytest.fixture(autouse=True)
def photographs(monkeypatch):
    monkeypatch.setattr(problem, "images", lambda path, kind: {"photographs.npz": IMAGES}[str(path)])


@pytest.fixture
def trainings(monkeypatch):
    """Of each training that is timed, by family and seed: its recipe, and the steps that are asked for."""
    made = {}

    def set_up(spec, seed, images, *rest, original=speed.set_up, **options):
        assert images is IMAGES
        each, steps = original(spec, seed, images, *rest, **options), []
        made[spec.variant.family, seed] = each, steps
        return replace(each, batch=lambda step: steps.append(step) or each.batch(step))

    monkeypatch.setattr(speed, "set_up", set_up)
    return made


def test_trainings_of_the_first_run_of_each_variant_that_is_there_are_timed(trainings):
    rows = speed.speed([run("kan_unet"), run("unet", 3), run("unet", 4)], SPEC, INPUTS, CPU)
    assert rows["variant"].tolist() == ["unet", "kan_unet"] and rows["parameters"][0] == 13
    assert set(trainings) == {("mlp", 3), ("kan", 0)}
    for made, steps in trainings.values():
        assert steps == list(range(len(steps))) and len(steps) >= speed.WARM_UP + 6
        taken = {int(state["step"]) for state in made.optimizer.state.values()}
        assert taken == {len(steps)}, "every step is one of the optimiser"
        moved = [not torch.equal(made.average.weights[name], w) for name, w in made.model.state_dict().items()]
        assert any(moved), "the average follows the weights"


def test_times_are_related_to_the_first_and_to_the_operations():
    first, other = speed.speed([run("unet"), run("kan_unet")], SPEC, INPUTS, CPU).to_dict("records")
    assert first["step_ratio"] == 1
    assert other["step_low"] <= other["step_ratio"] <= other["step_high"]
    assert other["step_ratio"] > 1  # twice the images, and bases
    for row in (first, other):
        assert row["seconds_1563"] == pytest.approx(1.563 * row["step_ms"], rel=1e-12)
        assert row["tflop_per_second"] == pytest.approx(row["gflop_per_step"] / row["step_ms"], rel=1e-12)
        assert row["device_tflops"] > row["tflop_per_second"]  # small networks keep no processor busy
        assert math.isnan(row["peak_memory_mib"]) and row["peak_memory_run_mib"] == 77
    settings = ("batch", "precision", "compile", "threads", "rounds")
    assert [other[name] for name in settings] == [8, "float32", False, 1, 6]


def test_a_network_of_torch_conv_kan_is_timed_with_its_own_layers_too(monkeypatch):
    monkeypatch.setitem(VARIANTS, "kan_unet", OF_TORCH_CONV_KAN | {"conv_out": {"conv_norm": "none"}})
    rows = speed.speed([run("unet"), run("kan_unet")], SPEC, INPUTS, CPU)
    assert rows["variant"].tolist() == ["unet", "kan_unet", "kan_unet, published layers"]
    ours, theirs = rows.iloc[1], rows.iloc[2]
    assert theirs["gflop_per_step"] == pytest.approx(ours["gflop_per_step"], rel=1e-12)
    assert theirs["parameters"] == ours["parameters"] and theirs["step_ms"] > 0
    assert math.isnan(theirs["peak_memory_run_mib"])


def take_weights(ours, theirs):
    """Give a network of our layers the weights of one of the published."""
    ours.load_state_dict(theirs.state_dict(), strict=False)  # of what stands between the layers
    layers = [layer for layer in ours.modules() if isinstance(layer, KANLayer)]
    published = [layer for layer in theirs.modules() if isinstance(layer, CoxDeBoorConv2d | CoxDeBoorLinear)]
    with torch.no_grad():
        for own, other in zip(layers, published, strict=True):
            linear = isinstance(other, CoxDeBoorLinear)
            own.base_weight.copy_(other.base_weight if linear else other.base.weight)
            spline = other.spline_weight if linear else other.spline.weight
            own.spline_weight.copy_(spline.reshape_as(own.spline_weight))


@pytest.mark.parametrize("ours_alone", [{}, {"recompute": True, "bias": False}])
def test_published_layers_make_the_same_network(monkeypatch, ours_alone):
    monkeypatch.setitem(VARIANTS, "kan_unet", OF_TORCH_CONV_KAN | ours_alone | {"conv_out": {"conv_norm": "none"}})
    spec = run("kan_unet").spec
    variants = spec.variant, speed.with_published_layers(spec).variant
    ours, theirs = (problem.build(spec.problem, variant) for variant in variants)
    take_weights(ours, theirs)
    x, t = torch.randn(2, 3, 32, 32), torch.tensor([3, 700])
    torch.testing.assert_close(theirs.eval()(x, t), ours.eval()(x, t), atol=1e-5, rtol=1e-4)  # float32


@pytest.mark.parametrize(
    "other",
    [
        {"init": "kaiming"},
        {"grid_range": [-2, 2]},
        {"scaler": True},
        {"input_norm": "layer"},
        {"bias": True},
        {"conv_out": {"input_norm": "layer"}},
        {"base_activation": "identity"},
    ],
)
def test_a_network_of_other_layers_has_no_published_ones(monkeypatch, other):
    monkeypatch.setitem(VARIANTS, "kan_unet", OF_TORCH_CONV_KAN | other)
    assert speed.with_published_layers(run("kan_unet").spec) is None


def test_operations_are_those_of_the_variant_s_own_batch():
    for variant, size in {"unet": 4, "kan_unet": 8}.items():
        spec = run(variant).spec
        batch = torch.zeros(size, 3, 32, 32), torch.zeros(size, dtype=torch.int64)
        expected = training_flops(problem.build(spec.problem, spec.variant), *batch) / 1e9
        assert operations.gflop_per_step(spec) == pytest.approx(expected, rel=1e-12)


def test_without_its_variants_nothing_is_timed(trainings):
    other = parsed("cifar10_ddim", {"problem": PROBLEM, "timing": TIMING | {"variants": ["ukan"]}})
    nothing = speed.speed([run("unet")], other, INPUTS, CPU)
    assert nothing.empty and list(nothing.columns) == speed.COLUMNS
    assert not trainings
