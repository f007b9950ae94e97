"""The layers that are timed compute what they should, and what is said of their times is what was measured."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.interpolate import BSpline
from torch.utils.flop_counter import FlopCounterMode

from kanpipe.config.kinds import parsed
from kanpipe.evaluation.flops import training_flops
from kanpipe.evaluation.timing import saved_bytes
from kanpipe.experiments.layer_speed.config import Setup
from kanpipe.experiments.layer_speed.contenders import contender, exists, input_shape, multiply_adds, network
from kanpipe.experiments.layer_speed.figures import figures
from kanpipe.experiments.layer_speed.outputs import FIGURES
from kanpipe.experiments.layer_speed.passes import passes, training_passes
from kanpipe.experiments.layer_speed.problem import models
from kanpipe.experiments.layer_speed.published_layers import (
    CoxDeBoorConv2d,
    CoxDeBoorLinear,
    FasterKANLayer,
    FastKANLayer,
    cox_de_boor,
    gaussian,
    reflectional_switch,
    uniform_knots,
)
from kanpipe.experiments.layer_speed.speed import REFERENCES, speed, time_columns
from kanpipe.experiments.layer_speed.tables import tables
from kanpipe.experiments.protocol import Inputs
from kanpipe.layers import FasterKANLinear, FastKANLinear, KANConv2d, KANLinear
from kanpipe.machine import Machine

LAYER = {"widths": [5, 4], "batch": 3, "bases": 8, "spline_order": 3, "layer_norm": True}
SETUPS = {
    "layer_100": LAYER,
    "layer_100_norm": LAYER,
    "net_16": LAYER | {"widths": [5, 4, 2], "loss": "mse", "flush_denormals": True},
    "conv": LAYER | {"widths": [2, 3], "bases": 5, "spline_order": 2, "kernel_size": 3, "size": 6},
}
LINEAR, _, NETWORK, CONVOLUTION = map(Setup.model_validate, SETUPS.values())
PUBLISHED = ["cox_de_boor", "fastkan_published", "fasterkan_published"]
NAMES = ["mlp", "floor", *PUBLISHED, "kan", "kan_scaler", "kan_recompute", "fastkan", "fasterkan"]
PROBLEM = {"contenders": {name: ["eager"] for name in NAMES}, "setups": SETUPS}
SPEC = parsed("layer_speed", {"problem": PROBLEM, "timing": {"rounds": 6, "block_seconds": 1e-5}})


@pytest.fixture(scope="module")
def runs():
    """The rows of small layers."""
    return speed([], SPEC, Inputs(), Machine.prepare("cpu", threads=1))


@pytest.mark.parametrize(("grid_size", "order"), [(5, 3), (3, 2), (1, 1), (8, 5)])
def test_recursion_is_that_of_b_splines(grid_size, order):
    knots = uniform_knots(1, grid_size, order).double()
    x = torch.linspace(-0.999, 0.999, 101, dtype=torch.float64)
    expected = BSpline.design_matrix(x.numpy(), knots[0].numpy(), order).toarray()
    # float64, a few roundings of numbers below 1 in each of `order` steps
    np.testing.assert_allclose(cox_de_boor(x[:, None], knots, order)[:, 0], expected, atol=1e-14)


@pytest.mark.parametrize("scaler", [True, False])
@pytest.mark.parametrize("base", ["silu", "gelu"])
def test_published_spline_layer_is_ours(scaler, base):
    options = {"scaler": scaler, "base_activation": base}
    theirs, ours = CoxDeBoorLinear(5, 4, **options), KANLinear(5, 4, **options)
    with torch.no_grad():
        ours.base_weight.copy_(theirs.base_weight)
        ours.spline_weight.copy_(theirs.spline_weight)
        if scaler:
            ours.spline_scaler.copy_(theirs.spline_scaler)
    x = torch.linspace(-3, 3, 35).reshape(7, 5)
    torch.testing.assert_close(theirs(x), ours(x), atol=1e-6, rtol=1e-5)  # float32


def test_published_spline_convolution_is_ours():
    grid = {"padding": 1, "grid_size": 3, "spline_order": 2, "base_activation": "gelu"}
    theirs, ours = CoxDeBoorConv2d(2, 3, 3, **grid), KANConv2d(2, 3, 3, **grid, scaler=False)
    with torch.no_grad():
        ours.base_weight.copy_(theirs.base.weight)
        ours.spline_weight.copy_(theirs.spline.weight.unflatten(1, (2, 5)))
    x = torch.linspace(-2, 2, 72).reshape(1, 2, 6, 6)
    torch.testing.assert_close(theirs(x), ours(x), atol=1e-6, rtol=1e-5)  # float32


@pytest.mark.parametrize("layer_norm", [True, False])
@pytest.mark.parametrize(("kind", "own"), [(FastKANLayer, FastKANLinear), (FasterKANLayer, FasterKANLinear)])
def test_published_radial_layers_are_ours(kind, own, layer_norm):
    theirs, ours = kind(5, 4, layer_norm=layer_norm), own(5, 4, layer_norm=layer_norm)
    with torch.no_grad():
        ours.spline_weight.copy_(theirs.spline.weight.unflatten(1, (5, 8)))
        if kind is FastKANLayer:
            ours.base_weight.copy_(theirs.base.weight)
            ours.bias.copy_(theirs.base.bias)
    x = torch.linspace(-3, 3, 35).reshape(7, 5)
    torch.testing.assert_close(theirs(x), ours(x), atol=1e-6, rtol=1e-5)  # float32


def test_radial_functions_are_their_formulas():
    x, centres = np.linspace(-3, 3, 13), np.linspace(-2, 2, 8)
    distance = x[:, None] - centres
    ours = [basis(torch.tensor(x), torch.tensor(centres)) for basis in (gaussian, reflectional_switch)]
    np.testing.assert_allclose(ours[0], np.exp(-((distance / (4 / 7)) ** 2)), atol=1e-14)
    np.testing.assert_allclose(ours[1], 1 / np.cosh(distance) ** 2, atol=1e-14)


def test_hand_written_backward_pass_is_the_derivative():
    x = torch.linspace(-2, 2, 6, dtype=torch.float64, requires_grad=True)
    centres = torch.linspace(-1.2, 1.2, 8, dtype=torch.float64)
    assert torch.autograd.gradcheck(reflectional_switch, (x, centres))


@pytest.mark.parametrize("setup", [LINEAR, CONVOLUTION], ids=["linear", "convolution"])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "kan_recompute"])
def test_multiply_adds_are_those_that_torch_counts(name, setup):
    if not exists(name, setup):
        return
    made, x = network(name, setup), torch.randn(input_shape(name, setup), requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        output = made(x)
        forward = counter.get_total_flops()
        output.sum().backward()
    assert forward == 2 * multiply_adds(name, setup)
    assert counter.get_total_flops() == 3 * forward


@pytest.mark.parametrize("name", NAMES)
def test_rate_counts_what_is_multiplied_and_no_gradient_of_the_data(name):
    """A norm that is learned in front of the first layer wants that gradient all the same, and recomputing takes it."""
    made, x = network(name, NETWORK), torch.randn(input_shape(name, NETWORK))
    forward = multiply_adds(name, NETWORK)
    first = multiply_adds(name, NETWORK.model_copy(update={"widths": NETWORK.widths[:2]}))
    wanted = {"fastkan": 1, "fasterkan": 1, "fasterkan_published": 1, "kan_recompute": 1, "fastkan_published": 8 / 9}
    assert training_flops(made, x, with_inputs=True) == 6 * forward
    assert training_flops(made, x) == 6 * forward - 2 * round((1 - wanted.get(name, 0)) * first)


def test_floor_is_an_ordinary_layer_with_as_many_inputs_as_there_are_features():
    floor, kan = network("floor", NETWORK), network("kan", NETWORK)
    assert [p.shape for p in floor.parameters()] == [p.shape for p in kan.parameters()]
    assert input_shape("floor", NETWORK) == (3, 9 * 5)


def test_unknown_contender_is_named():
    with pytest.raises(ValueError, match="'spline'"):
        contender("spline", LINEAR)


def test_a_pass_marks_its_phases_and_asks_for_every_gradient(draw):
    marks = []
    layer, x = network("mlp", LINEAR), torch.randn(3, 5)
    passes(layer, x, draw)(lambda: marks.append(1))
    assert len(marks) == 1 and x.requires_grad
    training_passes(layer, x.detach(), draw)(lambda: marks.append(1))
    assert len(marks) == 3
    assert layer[0].weight.grad is None, "gradients must not add up over the repeats"


def test_row_for_every_contender_that_exists(runs):
    assert len(runs) == 3 * len(NAMES) + len(NAMES) - 2
    assert set(runs["status"]) == {"finished"} and set(runs["device_type"]) == {"cpu"}
    times = runs[["forward_ms", "backward_ms", "both_ms", "tflops", "device_tflops"]]
    assert (times > 0).all(axis=None)


def test_timing_leaves_the_settings_of_the_process(machine):
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.set_flush_denormal(True)
    try:
        speed([], SPEC, Inputs(), machine)
        assert torch.are_deterministic_algorithms_enabled() and torch.is_deterministic_algorithms_warn_only_enabled()
        assert (torch.tensor([1e-38]) * 1e-2).item() == 0
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_flush_denormal(False)


def test_ratio_to_itself_is_one(runs):
    for reference in REFERENCES:
        own = runs[runs["variant"] == reference]
        assert (own[[f"both_over_{reference}", f"both_over_{reference}_low"]] == 1).all(axis=None)


def test_ratios_are_to_the_same_mode_and_else_to_eager():
    seconds = {("floor", "eager"): 2.0, ("cox_de_boor", "eager"): 12.0, ("cox_de_boor", "compiled"): 8.0}
    seconds |= {("kan", "compiled"): 4.0}
    slowed = np.array([1, 3, 1, 5, 1, 1, 2])  # rounds in which something else ran
    times = {key: {"both": value * slowed} for key, value in seconds.items()}
    columns = time_columns(times, "kan", "compiled")
    assert columns["both_ms"] == 4000
    assert (columns["both_over_floor"], columns["both_over_cox_de_boor"]) == (2.0, 0.5)
    assert (columns["both_over_floor_low"], columns["both_over_floor_high"]) == (2.0, 2.0)
    assert "both_over_mlp" not in columns


def test_saved_memory_is_that_of_the_features(runs):
    saved = runs[runs["setup"] == "layer_100"].set_index("variant")["saved_mib"] * 2**20
    assert saved["mlp"] == saved["floor"] == saved["kan_recompute"] == 0
    assert saved["kan"] == 4 * 3 * 9 * 5
    layer, x = network("fasterkan_published", LINEAR), torch.randn(3, 5, requires_grad=True)
    known = [x, *layer.parameters(), *layer.buffers()]
    # normalised input, its mean and deviation, tanh and bases: nothing else
    assert saved_bytes(lambda: layer(x), known) <= 4 * 3 * (5 + 2 + 2 * 8 * 5)


def test_parameters_are_those_reported():
    variants = {
        "fastkan_16": {"family": "fastkan", "widths": [784, 256, 10], "centres": 16},
        "fasterkan_16": {"family": "fasterkan", "widths": [784, 256, 10], "centres": 16},
        "mlp": {"family": "mlp", "widths": [784, 4096, 10]},
        "fastkan_8": {"family": "fastkan", "widths": [784, 64, 10], "centres": 8},
    }
    counts = {
        name: sum(p.numel() for p in made.parameters())
        for name, made in models(parsed("layer_speed", {"variants": variants})).items()
    }
    assert counts == {"fastkan_16": 3457834, "fasterkan_16": 3254304, "mlp": 3256330, "fastkan_8": 459114}


def test_tables_quote_the_rows(runs):
    made = tables({"runs": runs})
    assert len(made[""].text) == len(runs)
    published = made["published"].numbers
    assert published["reported"].tolist() == [3.33, 1.25, 1.38, 1.23]
    row = runs[(runs["setup"] == "layer_100") & (runs["variant"] == "cox_de_boor")].iloc[0]
    assert published["ratio"].iloc[0] == row["forward_over_fastkan_published"]
    assert f"{row['forward_over_fastkan_published']:.2f} [" in made["published"].text["measured"].iloc[0]


def test_table_without_published_setups_is_empty(runs):
    assert tables({"runs": runs[runs["setup"] == "conv"]})["published"].numbers.empty


@pytest.mark.parametrize("setups", [["layer_100", "net_16", "conv"], ["conv"]])
def test_figures_are_drawn(runs, tmp_path, setups):
    figures([], {"runs": runs[runs["setup"].isin(setups)]}, SPEC, tmp_path)
    for name in FIGURES:
        assert (tmp_path / f"{name}.png").stat().st_size > 0 and (tmp_path / f"{name}.pdf").stat().st_size > 0


def test_rows_survive_a_file(runs, tmp_path):
    runs.to_csv(tmp_path / "runs.csv", index=False)
    again = tables({"runs": pd.read_csv(tmp_path / "runs.csv")})[""].text
    pd.testing.assert_frame_equal(again, tables({"runs": runs})[""].text)
