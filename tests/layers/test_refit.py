"""Refits of KAN layers: the function stays where it must, by formulas that are not those of the code."""

import math

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline
from torch import nn

from kanpipe.layers.fast_kan import FastKANLinear
from kanpipe.layers.kan_conv2d import KANConv2d
from kanpipe.layers.kan_linear import KANLinear
from kanpipe.layers.refit import extend_grid, extend_grids, largest_jump, quantile_knots, refit, two_scale_matrix

TINY = 1e-12  # float64, values of order 1, sums of at most a few hundred terms


def linear(draw, **options):
    """A layer in float64 with curves of order one and scalers away from one."""
    layer = KANLinear(3, 4, dtype=torch.float64, **options)
    return randomised(layer, draw)


def randomised(layer, draw):
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw, dtype=torch.float64))
    return layer


def inside(low, high, n=500, features=3):
    u = torch.linspace(0, 1, n, dtype=torch.float64).unsqueeze(-1).expand(-1, features)
    return low + u * (high - low)


@pytest.mark.parametrize("scaler", [True, False])
@pytest.mark.parametrize("ratio", [2, 3, 10])
@pytest.mark.parametrize("grid_size", [1, 3, 5])
@pytest.mark.parametrize("spline_order", [1, 2, 3, 4, 5])
def test_nested_extension_keeps_the_function_on_the_range(draw, spline_order, grid_size, ratio, scaler):
    layer = linear(draw, grid_size=grid_size, spline_order=spline_order, grid_range=(-2.0, 1.5), scaler=scaler)
    finer = extend_grid(layer, ratio * grid_size)
    x = inside(-2.0, 1.5)
    assert torch.allclose(finer(x), layer(x), rtol=0, atol=TINY)
    assert largest_jump(layer, finer) < TINY
    assert finer.spline_weight.shape[2] == ratio * grid_size + spline_order


@pytest.mark.parametrize("spline_order", [1, 3, 4])
@pytest.mark.parametrize("ratio", [2, 3, 7])
def test_two_scale_matrix_is_that_of_scipys_splines(spline_order, ratio):
    grid_size, k = 4, spline_order
    coarse, fine = (np.arange(-k, g + k + 1) / g for g in (grid_size, ratio * grid_size))
    x = np.linspace(0, 1, 301)[:-1]
    matrix = two_scale_matrix(grid_size, k, ratio).numpy()
    for j, unit in enumerate(np.eye(grid_size + k)):
        difference = BSpline(coarse, unit, k)(x) - BSpline(fine, matrix[:, j], k)(x)
        assert np.abs(difference).max() < 1e-13  # a few rounding errors of numbers below 1


def test_extension_by_one_changes_nothing(draw):
    layer = linear(draw)
    assert torch.equal(extend_grid(layer, 5).weight, layer.weight)


@pytest.mark.parametrize(
    "change", [lambda layer: extend_grid(layer, 10), lambda layer: refit(layer, grid_range=(-2, 2))]
)
def test_layer_with_weights_that_are_not_finite_is_refused(draw, change):
    layer = linear(draw)
    with torch.no_grad():
        layer.weight[0, 0], layer.weight[1, 20] = math.nan, math.inf
    with pytest.raises(ValueError, match="2 of the layer's 108 weights are not finite; it has no curves to keep"):
        change(layer)


def test_extension_changes_the_function_outside_the_range(draw):
    layer = linear(draw)
    beyond = torch.full((1, 3), 1.7, dtype=torch.float64)  # between the outermost knots, 1 + 3 * 0.2 and 1 + 3 * 0.4
    base = nn.functional.silu(beyond) @ layer.base_weight.T
    assert torch.allclose(extend_grid(layer, 10)(beyond), base, atol=TINY)
    assert (layer(beyond) - base).abs().max() > 1e-3


@pytest.mark.parametrize("grid_sizes", [(3, 5), (20, 50)])
def test_extension_that_does_not_nest_is_the_least_squares_fit(draw, grid_sizes):
    layer = linear(draw, grid_size=grid_sizes[0])
    finer = extend_grid(layer, grid_sizes[1])
    # scipy's BSpline as the other implementation: no coefficients fit the same points better
    x = np.linspace(-1, 1, 20 * (grid_sizes[1] + 3) + 1)
    knots = [np.arange(-3, g + 4) * 2 / g - 1 for g in grid_sizes]
    for edge in np.ndindex(4, 3):
        wanted = BSpline(knots[0], layer.spline_weight[edge].detach().numpy(), 3)(x)
        design = BSpline.design_matrix(x, knots[1], 3).toarray()
        best = np.linalg.lstsq(design, wanted, rcond=None)[0]
        assert np.allclose(finer.spline_weight[edge].detach().numpy(), best, rtol=0, atol=1e-10)
    assert 1e-6 < largest_jump(layer, finer) < 3


def test_jump_of_a_smooth_curve_falls_with_the_fourth_power_of_the_grid():
    x = torch.linspace(-1, 1, 200, dtype=torch.float64)
    layer = KANLinear(1, 1, grid_size=97, dtype=torch.float64)
    smooth = refit(layer, grid_range=(-1.0, 1.0))
    with torch.no_grad():
        features = smooth.features(x.unsqueeze(-1))[:, 1:]
        smooth.spline_weight[0, 0] = torch.linalg.lstsq(features, torch.sin(3 * x).unsqueeze(-1)).solution[:, 0]
        smooth.spline_scaler.fill_(1.0)
    jumps = [largest_jump(smooth, extend_grid(smooth, size)) for size in (10, 20)]
    assert 3.5 < math.log2(jumps[0] / jumps[1]) < 4.7  # order k + 1 = 4 of cubic splines


def test_scaler_base_and_bias_are_kept_and_the_old_layer_is_left_alone(draw):
    layer = linear(draw, bias=True)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    finer = extend_grid(layer, 10)
    for name in ("spline_scaler", "base_weight", "bias"):
        assert torch.equal(getattr(finer, name), getattr(layer, name))
        assert getattr(finer, name).data_ptr() != getattr(layer, name).data_ptr()
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    assert layer.expansion.basis.grid_size == 5


def test_extension_keeps_class_dtype_options_and_gradients(draw):
    layer = KANLinear(3, 4, base_activation="gelu", recompute=True, scaler=False, bias=True)
    finer = extend_grid(layer, 15)
    assert type(finer) is KANLinear
    assert finer.weight.dtype == torch.float32
    assert finer.recompute
    assert finer.expansion.base_activation == "gelu"
    assert finer.weight.is_leaf
    x = torch.linspace(-1, 1, 60).reshape(20, 3)
    assert torch.allclose(finer(x), layer(x), atol=2e-6)  # float32: weights rounded to 6e-8, a dozen terms
    finer(x).sum().backward()
    assert finer.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("scaler", [True, False])
def test_refit_to_a_wider_range_whose_knots_contain_the_old_keeps_the_function(draw, scaler):
    layer = linear(draw, grid_size=4, grid_range=(-1.0, 1.0), scaler=scaler)
    # knots of step 1/4 from -1.75 to 1.75 are those of the layer, halved; its bases end at ±2.5, beyond the range
    wider = refit(layer, grid_size=14, grid_range=(-1.75, 1.75))
    x = inside(-1.75, 1.75)
    assert torch.allclose(wider(x), layer(x), rtol=0, atol=1e-11)  # of a least-squares problem of condition 1e2
    assert largest_jump(layer, wider) < 1e-11


def test_refit_to_ranges_of_their_own_keeps_each_feature(draw):
    layer = linear(draw, grid_size=4, grid_range=(-1.0, 1.0))
    low, high = torch.tensor([-1.0, -0.5, 0.0]).double(), torch.tensor([1.0, 0.5, 1.0]).double()
    own = refit(layer, grid_size=8, grid_range=(low, high))  # steps 1/4, 1/8 and 1/8, from knots of the layer
    x = inside(low, high)
    assert torch.allclose(own(x), layer(x), rtol=0, atol=1e-11)
    assert largest_jump(layer, own) < 1e-11
    assert torch.equal(torch.stack(own.grid_range), torch.stack([low, high]))


def test_refit_at_quantiles_keeps_the_function_of_a_smooth_layer_where_data_lie(draw):
    layer = linear(draw, grid_size=4)
    with torch.no_grad():  # a cubic polynomial lies in every cubic spline space, whatever its knots
        polynomial = torch.linspace(-1, 1, 2000, dtype=torch.float64)
        features = layer.features(polynomial.unsqueeze(-1).expand(-1, 3))[:, 3:].unflatten(1, (-1, 3))[..., 0]
        curve = torch.linalg.lstsq(features, (polynomial**3 - polynomial).unsqueeze(-1), driver="gelsd").solution[:, 0]
        layer.spline_weight.copy_(curve.expand(4, 3, -1))
    samples = torch.rand(300, 3, generator=draw, dtype=torch.float64) ** 2  # dense near 0
    adapted = refit(layer, samples=samples)
    assert torch.allclose(adapted(samples), layer(samples), rtol=0, atol=1e-11)
    inner = adapted.grid[:, 3:-3]
    share = (samples.T.unsqueeze(-1) < inner[:, 1:-1].unsqueeze(1)).double().mean(1)
    assert torch.allclose(
        share, torch.tensor([0.25, 0.5, 0.75]).double().expand(3, -1), atol=0.03
    )  # the even two percent


def test_quantile_knots_are_quantiles_but_for_two_percent_of_an_even_grid():
    samples = torch.cat([torch.zeros(90, 1), torch.arange(1, 11).unsqueeze(-1) / 10]).double()
    knots = quantile_knots(samples, 4, 3)
    assert knots.shape == (1, 11)
    even, quantiles = torch.linspace(0, 1, 5).double(), torch.tensor([0, 0, 0, 0, 1]).double()
    assert torch.allclose(knots[0, 3:8], 0.02 * even + 0.98 * quantiles)
    assert torch.allclose(knots[0, -3:], torch.tensor([1.25, 1.5, 1.75]).double())
    assert (knots.diff() > 0).all(), "repeated samples must not pile knots up"


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("scaler", [True, False])
def test_convolutions_are_extended_and_refitted_edge_by_edge(draw, groups, scaler):
    options = {"padding": 1, "groups": groups, "scaler": scaler, "bias": True, "dtype": torch.float64}
    layer = randomised(KANConv2d(4, 6, (3, 2), grid_size=3, **options), draw)
    x = 2 * torch.rand(2, 4, 5, 5, generator=draw, dtype=torch.float64) - 1
    finer = extend_grid(layer, 6)
    assert torch.allclose(finer(x), layer(x), rtol=0, atol=TINY)
    low = torch.tensor([-1.0, -1.5, -2.0, -1.0]).double()
    ends = torch.tensor([[-5 / 3, -1, -5 / 3, -1], [7 / 3, 1, 1, 5 / 3]], dtype=torch.float64)  # knots of the layer
    own = refit(layer, grid_size=12, grid_range=tuple(ends))  # steps 1/3, 1/6, 2/9, 2/9, which nest in 2/3
    assert torch.allclose(own(x), layer(x), rtol=0, atol=1e-11)
    distinct = refit(layer, grid_size=120, grid_range=(low, -low))
    assert torch.allclose(distinct(x), layer(x), rtol=0, atol=1e-2)
    quantiles = refit(finer, samples=x.movedim(1, -1).flatten(0, 2))
    assert quantiles(x).isfinite().all()
    assert largest_jump(finer, quantiles) < 3


def test_models_are_extended_in_place(draw):
    shared = linear(draw)
    model = nn.Sequential(nn.Linear(3, 3), nn.ModuleDict({"a": linear(draw, grid_size=3), "b": shared}), shared)
    extend_grids(model, 15)
    sizes = {name: m.expansion.basis.grid_size for name, m in model.named_modules() if isinstance(m, KANLinear)}
    assert sizes == {"1.a": 15, "1.b": 15}
    assert model[2] is model[1]["b"], "a layer that stood in two places still does"
    assert type(model[0]) is nn.Linear
    x = inside(-1.0, 1.0)
    assert torch.allclose(model[2](x), shared(x), atol=TINY)


def test_layers_without_splines_are_left_alone():
    model = nn.Sequential(FastKANLinear(3, 3))
    inner = model[0]
    extend_grids(model, 10)
    assert model[0] is inner


def test_bad_input_is_one_sentence(draw):
    layer = linear(draw)
    with pytest.raises(ValueError, match="7 samples for 8 bases"):
        refit(layer, samples=torch.rand(7, 3))
    with pytest.raises(ValueError, match=r"\(9, 2\); it must be \(n, 3\)"):
        refit(layer, samples=torch.rand(9, 2))
    with pytest.raises(ValueError, match="finite"):
        refit(layer, samples=torch.full((9, 3), math.nan))
    with pytest.raises(ValueError, match="feature 1 are all 0.5"):
        refit(layer, samples=torch.stack([torch.rand(9), torch.full((9,), 0.5), torch.rand(9)], 1))
    with pytest.raises(ValueError, match="needs a grid_range or samples"):
        refit(layer, grid_size=10)
    with pytest.raises(ValueError, match="uniform_share is 0"):
        refit(layer, samples=torch.rand(20, 3), uniform_share=0)
    with pytest.raises(ValueError, match="below"):
        refit(layer, grid_range=(1.0, 1.0))
    with pytest.raises(ValueError, match="grid_size is 0"):
        extend_grid(layer, 0)
    with pytest.raises(TypeError, match="inside a model"):
        extend_grids(layer, 10)
    with pytest.raises(TypeError, match="B-spline"):
        extend_grid(FastKANLinear(3, 3), 10)
    with pytest.raises(TypeError, match="uniform"):
        extend_grid(refit(layer, samples=torch.rand(20, 3)), 10)


def test_half_precision_layers_are_fitted_in_float64():
    layer = KANLinear(3, 4, dtype=torch.bfloat16)
    finer = extend_grid(layer, 10)
    assert finer.weight.dtype == torch.bfloat16
    exact = two_scale_matrix(5, 3, 2) @ layer.spline_weight.double().movedim(2, 0).flatten(1)
    assert torch.equal(finer.spline_weight.movedim(2, 0).flatten(1), exact.to(torch.bfloat16))
