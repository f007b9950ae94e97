"""The starts of layers, by the distributions that their sources state."""

import math

import pytest
import torch

from kanpipe.layers import (
    FasterKANConv2d,
    FasterKANLinear,
    FastKANConv2d,
    FastKANLinear,
    KANConv2d,
    KANLinear,
    bspline_basis,
)
from kanpipe.layers.initialisation import INITIALISATIONS


def start(kind, *sizes, seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return kind(*sizes, **options)


def is_uniform(values, bound):
    """Between the bounds and, with the thousand values that tests have at least, within 1 % of both; mean near 0."""
    n = values.numel()
    assert n >= 1000
    assert values.abs().max() <= bound * (1 + 1e-6)
    assert min(values.max(), -values.min()) > 0.99 * bound
    assert abs(values.mean()) < 4 * bound / math.sqrt(3 * n)  # four standard errors
    return True


def is_normal(values, mean, std):
    n = values.numel()
    assert n >= 1000
    assert abs(values.mean() - mean) < 4 * std / math.sqrt(n)
    assert abs(values.std() - std) < 4 * std / math.sqrt(2 * n)
    return True


@pytest.mark.parametrize(("grid_size", "spline_order"), [(5, 3), (1, 1), (3, 5), (50, 3)])
@pytest.mark.parametrize("init", ["kaiming", "pykan"])
def test_initial_splines_take_small_values_at_the_grid_points(init, grid_size, spline_order):
    kan = start(KANLinear, 20, 30, grid_size=grid_size, spline_order=spline_order, init=init, dtype=torch.float64)
    points = torch.linspace(-1, 1, grid_size + 1, dtype=torch.float64)
    values = kan.spline_weight @ bspline_basis(points, grid_size, spline_order).T
    assert is_uniform(values.detach(), 0.05 / grid_size)


def test_initial_coefficients_are_the_smallest_that_interpolate():
    kan = start(KANLinear, 3, 4, dtype=torch.float64, grid_range=(-3.0, 2.0))
    basis = bspline_basis(torch.linspace(-3, 2, 6, dtype=torch.float64), 5, 3, (-3.0, 2.0))
    values = (kan.spline_weight @ basis.T).flatten(0, 1).T  # (points, edges)
    smallest = torch.linalg.lstsq(basis, values, driver="gelsy").solution.T.view_as(kan.spline_weight)
    # the basis matrix has a condition number below 10, so both solutions are good to some 1e-15
    torch.testing.assert_close(kan.spline_weight.detach(), smallest.detach(), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("kind", "sizes", "fan_in"),
    [(KANLinear, (30, 40), 30), (KANConv2d, (6, 40, (3, 2)), 36), (KANLinear, (50, 30), 50)],
)
def test_kaiming_fills_base_weight_and_scaler_by_the_fan_in(kind, sizes, fan_in):
    kan = start(kind, *sizes, scaler=True, bias=True)
    for weight in (kan.base_weight, kan.spline_scaler):
        assert is_uniform(weight.detach(), 1 / math.sqrt(fan_in))  # kaiming-uniform with a = sqrt(5)
    assert not kan.bias.any()


def test_convolution_has_noise_splines_too():
    kan = start(KANConv2d, 6, 8, 3, groups=2, dtype=torch.float64)
    points = torch.linspace(-1, 1, 6, dtype=torch.float64)
    values = torch.einsum("oijyx,pj->oiyxp", kan.spline_weight, bspline_basis(points))
    assert is_uniform(values.detach(), 0.01)


def test_pykan_adds_noise_to_a_positive_base():
    kan = start(KANLinear, 16, 200, init="pykan")
    assert is_normal(kan.base_weight.detach(), 1 / 4 - 0.1, 0.2)
    assert (kan.spline_scaler == 1).all()


@pytest.mark.parametrize(("kind", "sizes", "fan_in"), [(KANLinear, (16, 100), 16), (KANConv2d, (4, 40, 3), 36)])
def test_power_law_by_the_number_of_features(kind, sizes, fan_in):
    kan = start(kind, *sizes, grid_size=4, spline_order=3, init="power_law", scaler=True)
    features = fan_in * (4 + 3 + 1)
    assert is_normal(kan.base_weight.detach(), 0, features**-0.25)
    assert is_normal(kan.spline_weight.detach(), 0, features**-1.75)
    assert (kan.spline_scaler == 1).all()


def test_torch_conv_kan_by_the_fan_in_of_each_of_its_convolutions():
    kan = start(KANConv2d, 8, 40, 3, groups=2, grid_size=3, spline_order=2, init="torch_conv_kan", scaler=True)
    assert is_uniform(kan.base_weight.detach(), math.sqrt(3 / (4 * 9)))
    assert is_uniform(kan.spline_weight.detach(), math.sqrt(3 / (4 * 5 * 9)))
    assert (kan.spline_scaler == 1).all()


@pytest.mark.parametrize(
    ("kind", "sizes", "fan_in"), [(FastKANLinear, (30, 1000), 30), (FastKANConv2d, (4, 1000, 3), 36)]
)
def test_fast_kan_is_a_normal_and_an_ordinary_base(kind, sizes, fan_in):
    layer = start(kind, *sizes)
    assert is_normal(layer.spline_weight.detach(), 0, 0.1)
    assert is_uniform(layer.base_weight.detach(), 1 / math.sqrt(fan_in))
    assert is_uniform(layer.bias.detach(), 1 / math.sqrt(fan_in))
    assert (layer.layernorm.weight == 1).all()


@pytest.mark.parametrize(
    ("kind", "sizes", "fans"),
    [(FasterKANLinear, (30, 40), 30 * 8 + 40), (FasterKANConv2d, (4, 20, (3, 2)), (4 * 8 + 20) * 6)],
)
def test_faster_kan_is_xavier_over_all_bases(kind, sizes, fans):
    assert is_uniform(start(kind, *sizes).spline_weight.detach(), math.sqrt(6 / fans))


CASES = [(KANLinear, (3, 4), {"init": init, "bias": True}) for init in INITIALISATIONS]
CASES += [(KANConv2d, (3, 4, 2), {"init": init}) for init in INITIALISATIONS]
CASES += [
    (KANLinear, (3, 4), {"knots": torch.arange(9.0), "scaler": False}),
    (KANLinear, (3, 4), {"base_activation": None}),
]
CASES += [(FastKANLinear, (3, 4), {"init": init}) for init in INITIALISATIONS]
CASES += [(FasterKANConv2d, (3, 4, 2), {})]


@pytest.mark.parametrize(("kind", "sizes", "options"), CASES, ids=str)
def test_start_is_that_of_the_seed_and_reset_starts_again(kind, sizes, options):
    first, same, other = (start(kind, *sizes, seed=seed, **options) for seed in (0, 0, 1))
    for value, again in zip(first.parameters(), same.parameters(), strict=True):
        assert value.isfinite().all()
        assert torch.equal(value, again)
    assert not torch.equal(first.weight, other.weight)
    assert not torch.equal(first.spline_weight, other.spline_weight)
    with torch.no_grad():
        for value in first.parameters():
            value.fill_(7)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first.reset_parameters()
    for value, again in zip(first.parameters(), same.parameters(), strict=True):
        assert torch.equal(value, again)


def test_no_two_layers_start_alike():
    torch.manual_seed(0)
    assert not torch.equal(KANLinear(3, 4).weight, KANLinear(3, 4).weight)


@pytest.mark.parametrize("init", INITIALISATIONS)
def test_half_precision_starts_as_well(init):
    layer = KANLinear(20, 30, init=init, dtype=torch.bfloat16)
    assert layer.weight.dtype == torch.bfloat16
    assert layer.spline_weight.std() > 0
