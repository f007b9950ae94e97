"""The KAN layer by scipy's splines; efficient-kan's formula is in test_state_dicts."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kanpipe.layers import KANLinear

ACTIVATIONS = {"silu": F.silu, "gelu": F.gelu, "identity": lambda x: x, None: torch.zeros_like}
RANGES = (torch.tensor([-1.0, -3.0, 0.0]), torch.tensor([1.0, 0.5, 7.0]))


@pytest.mark.parametrize(
    ("options", "per_edge", "per_output"),
    [
        ({}, 10, 0),
        ({"scaler": False}, 9, 0),
        ({"scaler": False, "base_activation": None}, 8, 0),
        ({"bias": True}, 10, 1),
        ({"grid_size": 3, "spline_order": 2}, 7, 0),
        ({"grid_size": 8, "spline_order": 5, "scaler": False, "bias": True}, 14, 1),
        ({"grid_range": (torch.zeros(7), torch.ones(7))}, 10, 0),  # a grid is not trained
    ],
)
def test_parameter_count(options, per_edge, per_output):
    count = sum(p.numel() for p in KANLinear(7, 5, **options).parameters())
    assert count == 7 * 5 * per_edge + 5 * per_output


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    "options",
    [{}, {"grid_size": 3, "spline_order": 2, "scaler": False}, {"grid_range": (-2.0, 1.5), "bias": True}],
    ids=str,
)
def test_output_is_the_sum_of_base_and_splines(options, activation, recompute, draw, make, scipy_basis, uniform_knots):
    layer = make(KANLinear, 3, 4, base_activation=activation, recompute=recompute, dtype=torch.float64, **options)
    x = 1.5 * torch.randn(2, 5, 3, generator=draw, dtype=torch.float64)
    knots = uniform_knots(layer.basis.grid_size, layer.basis.spline_order, layer.grid_range)
    bases = torch.from_numpy(scipy_basis(x, knots, layer.basis.spline_order))
    scaler = torch.ones(4, 3, dtype=torch.float64) if layer.spline_scaler is None else layer.spline_scaler
    base = torch.zeros(4, 3, dtype=torch.float64) if layer.base_weight is None else layer.base_weight
    expected = F.linear(ACTIVATIONS[activation](x), base, layer.bias)
    expected = expected + torch.einsum("abij,oij,oi->abo", bases, layer.spline_weight, scaler)
    # 30 products of bases good to 8e-15 and weights below 1
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("recompute", [False, True])
def test_ranges_per_feature_are_one_layer_a_feature(recompute, dtype, draw, make):
    options = {"scaler": False, "base_activation": None, "dtype": dtype}
    layer = make(KANLinear, 3, 4, grid_range=RANGES, recompute=recompute, **options)
    x = (3 * torch.randn(50, 3, generator=draw, dtype=torch.float64)).to(dtype)
    expected = torch.zeros(50, 4, dtype=dtype)
    for i, ends in enumerate(zip(*(end.tolist() for end in RANGES), strict=True)):
        alone = KANLinear(1, 4, grid_range=ends, **options)
        with torch.no_grad():
            alone.spline_weight.copy_(layer.spline_weight[:, i : i + 1])
        expected = expected + alone(x[:, i : i + 1])
    # the centres of one range are computed in float64, of several in the layer's type: a few ulp of x / h, up to 20
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=50 * torch.finfo(dtype).eps)


def test_ranges_per_feature_may_share_one_end_and_need_not_have_the_layers_type(draw):
    x = torch.randn(5, 3, generator=draw)
    outputs = []
    for low in (-1.0, -torch.ones(3), -torch.ones(3, dtype=torch.float64), torch.tensor([-1, -1, -1])):
        torch.manual_seed(0)
        layer = KANLinear(3, 4, grid_range=(low, RANGES[1]))
        assert layer.grid.dtype == torch.float32
        outputs.append(layer(x))
    assert all(torch.equal(out, outputs[0]) for out in outputs)


def test_grid_is_the_layers_own(make):
    knots, x = torch.arange(12.0).expand(3, -1), torch.full((1, 3), 5.3)
    layer, other = make(KANLinear, 3, 4, knots=knots), make(KANLinear, 3, 4, knots=knots)
    before = other(x)
    layer.load_state_dict({**layer.state_dict(), "grid": knots + 0.5})
    assert torch.equal(knots[0], torch.arange(12.0))
    assert torch.equal(other(x), before)
    assert not torch.equal(layer(x), before)


def test_state_dict_holds_the_packed_weight_and_what_the_options_add():
    def shapes(layer):
        return {name: tuple(value.shape) for name, value in layer.state_dict().items()}

    assert shapes(KANLinear(3, 4)) == {"weight": (4, 27), "spline_scaler": (4, 3)}
    assert shapes(KANLinear(3, 4, scaler=False, bias=True)) == {"weight": (4, 27), "bias": (4,)}
    assert shapes(KANLinear(3, 4, scaler=False, grid_range=RANGES)) == {"weight": (4, 27), "grid": (2, 3)}
    assert shapes(KANLinear(3, 4, scaler=False, knots=torch.arange(9.0))) == {"weight": (4, 18), "grid": (9,)}


def test_weights_are_seen_in_the_published_layout_and_can_be_written():
    layer = KANLinear(3, 4)
    assert layer.base_weight.shape == (4, 3)
    assert layer.spline_weight.shape == (4, 3, 8)
    with torch.no_grad():
        layer.base_weight[1, 2] = 5
        layer.spline_weight[3, 0, 7] = 6
    assert layer.weight[1, 2] == 5
    assert layer.weight[3, 3 + 7 * 3] == 6  # after the base the bases, each for all inputs


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_outside_the_knots_the_base_part_alone_is_left(activation, make):
    kan = make(KANLinear, 3, 4, base_activation=activation, bias=True)
    x = torch.tensor([[2.3, -2.3, 7.0], [-40.0, 2.21, -3.0]])  # the outermost knots are -2.2 and 2.2
    weight = torch.zeros(4, 3) if activation is None else kan.base_weight
    torch.testing.assert_close(kan(x), F.linear(ACTIVATIONS[activation](x), weight, kan.bias))


@pytest.mark.parametrize("scaler", [True, False])
@pytest.mark.parametrize("base_activation", ["silu", None])
def test_packed_weight_times_features_is_the_output(scaler, base_activation, draw, make):
    kan = make(KANLinear, 3, 4, scaler=scaler, base_activation=base_activation, dtype=torch.float64)
    x = torch.randn(5, 3, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(kan.features(x) @ kan.packed_weight().T, kan(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize("options", [{}, {"scaler": False}, {"grid_range": RANGES}, {"knots": torch.arange(9.0) - 4}])
def test_edge_functions_add_up_to_the_output(options, draw, make):
    kan = make(KANLinear, 3, 4, dtype=torch.float64, **options)
    x = torch.randn(9, generator=draw, dtype=torch.float64)
    edges = kan.edge_functions(x)
    assert edges.shape == (4, 3, 9)
    assert not edges.requires_grad
    torch.testing.assert_close(edges.sum(1).T, kan(x.unsqueeze(-1).expand(-1, 3)), rtol=0, atol=1e-13)


def test_range_and_support_are_known():
    kan = KANLinear(3, 4, grid_size=4, grid_range=(-1.0, 1.0))
    assert kan.grid_range == (-1.0, 1.0)
    assert kan.support == (-2.5, 2.5)
    kan = KANLinear(3, 4, grid_size=4, spline_order=2, grid_range=RANGES)
    assert torch.equal(torch.stack(kan.grid_range), torch.stack(RANGES))
    np.testing.assert_allclose(torch.stack(kan.support), [[-2, -4.75, -3.5], [2, 2.25, 10.5]])


def test_representation_names_every_option():
    text = repr(KANLinear(3, 2, grid_size=4, scaler=False, recompute=True))
    for part in ("in_features=3, out_features=2", "grid_size=4", "spline_order=3", "grid_range=(-1.0, 1.0)"):
        assert part in text
    for part in ("base_activation='silu'", "scaler=False", "bias=False", "recompute=True"):
        assert part in text
    assert "recompute" not in repr(KANLinear(3, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid_size": 0}, "grid_size is 0; it must be at least 1"),
        ({"spline_order": -1}, "spline_order is -1; it must be at least 1"),
        ({"grid_range": (2.0, 1.0)}, r"grid_range is \(2.0, 1.0\); it must be finite and its first end below"),
        ({"grid_range": (1.0, 1.0)}, r"grid_range is \(1.0, 1.0\)"),
        ({"grid_range": (0.0, math.inf)}, r"grid_range is \(0.0, inf\)"),
        ({"grid_range": (RANGES[0], RANGES[0])}, "its first end below its second for every feature"),
        ({"grid_range": (RANGES[1], RANGES[0])}, "its first end below its second for every feature"),
        ({"grid_range": (RANGES[0] * math.nan, RANGES[1])}, "grid_range must be finite"),
        (
            {"grid_range": (RANGES[0][:2], RANGES[1])},
            r"shapes \(2,\) and \(3,\); they must be numbers or have shape \(3,",
        ),
        ({"grid_range": RANGES, "grid_size": 0}, "grid_size is 0"),
        ({"grid_range": RANGES, "spline_order": 0}, "spline_order is 0"),
        ({"base_activation": "relu"}, "base_activation is 'relu'; choose one of silu, gelu, identity, or None"),
        ({"init": "xavier"}, "init is 'xavier'; choose one of kaiming, pykan, power_law, torch_conv_kan"),
    ],
)
def test_option_that_does_not_exist_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        KANLinear(3, 2, **options)


@pytest.mark.parametrize("recompute", [False, True])
def test_input_that_does_not_fit_is_refused(recompute):
    layer = KANLinear(3, 2, recompute=recompute)
    with pytest.raises(ValueError, match="the last dimension is 4; this layer takes 3 features"):
        layer(torch.zeros(5, 4))
    with pytest.raises(ValueError, match="the last dimension is missing; this layer takes 3 features"):
        layer(torch.zeros(()))
    for dtype in (torch.int64, torch.bool, torch.uint8):
        with pytest.raises(TypeError, match=f"KANLinear takes a floating-point tensor, not {dtype}"):
            layer(torch.zeros(5, 3, dtype=dtype))


def test_norm_may_be_any_module():
    for norm in (nn.Tanh(), nn.Sequential(nn.LayerNorm(3), nn.Tanh())):
        assert KANLinear(3, 2, input_norm=norm)(torch.zeros(4, 3)).shape == (4, 2)


def test_edge_functions_in_half_precision_and_without_the_base():
    layer, points = KANLinear(3, 2), torch.linspace(-1, 1, 5)
    whole = layer.edge_functions(points)
    half = layer.bfloat16().edge_functions(points.bfloat16())
    torch.testing.assert_close(half.float(), whole, atol=0.02, rtol=0.02)  # 8 bits
    layer = layer.float()
    base = layer.base_weight.unsqueeze(-1) * nn.functional.silu(points)
    torch.testing.assert_close(layer.edge_functions(points) - layer.edge_functions(points, with_base=False), base)
