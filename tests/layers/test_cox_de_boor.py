"""B-splines on knots that are not uniform, against scipy."""

import math

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from kanpipe.layers import KANConv2d, KANLinear, bspline_basis
from kanpipe.layers.cox_de_boor import KnotSpline, cox_de_boor_basis
from kanpipe.layers.expansion import Expansion, expand

ORDERS = [1, 2, 3, 4, 5]
# Steps of the recursion (k <= 5) form convex combinations, each off by an ulp or two (2.2e-16) of quotients that are
# at most some 20 where a basis is not 0, as distances of knots differ up to twentyfold.
FLOAT64 = 5e-14


def drawn_knots(draw, k, n=12, features=()):
    """Increasing knots from about -2 with steps of 0.1 to 1.1, one of them repeated k times."""
    steps = 0.1 + torch.rand(*features, n + k, generator=draw, dtype=torch.float64)
    steps[..., n // 2 : n // 2 + k - 1] = 0
    return steps.cumsum(-1) - 3


def points(knots, n=300):
    """Points from before the first to behind the last knot, and the knots themselves but the last."""
    low, high = knots[0].item() - 1, knots[-1].item() + 1
    random = torch.from_numpy(np.random.default_rng(0).uniform(low, high, n))
    return torch.cat([random, knots[:-1], torch.tensor([-1e3, 1e3, low, high], dtype=torch.float64)])


@pytest.mark.parametrize("spline_order", ORDERS)
def test_basis_equals_scipy_with_a_knot_repeated(spline_order, draw, scipy_basis):
    knots = drawn_knots(draw, spline_order)
    x = points(knots)
    ours = cox_de_boor_basis(x, knots, spline_order)
    assert ours.shape == (len(x), len(knots) - spline_order - 1)
    np.testing.assert_allclose(ours.numpy(), scipy_basis(x, knots, spline_order), rtol=0, atol=FLOAT64)


@pytest.mark.parametrize("spline_order", ORDERS)
def test_basis_equals_scipy_on_clamped_knots_up_to_and_at_the_last(spline_order):
    inner = np.sort(np.random.default_rng(1).uniform(-1, 1, 6))
    knots = np.concatenate([[-1.0] * (spline_order + 1), inner, [1.0] * (spline_order + 1)])
    x = np.concatenate([np.linspace(-1, 1, 101), inner])
    theirs = BSpline(knots, np.eye(len(knots) - spline_order - 1), spline_order)(x)
    ours = cox_de_boor_basis(torch.from_numpy(x), torch.from_numpy(knots), spline_order)
    # neighbours among six random knots are as near as 0.01
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=FLOAT64)
    np.testing.assert_allclose(ours.sum(-1).numpy(), 1, rtol=0, atol=FLOAT64)
    np.testing.assert_allclose(ours[100, -1], 1, rtol=0, atol=FLOAT64)  # at the last knot the limit from the left


@pytest.mark.parametrize("spline_order", ORDERS)
def test_bases_sum_to_one_within_the_inner_knots(spline_order, draw):
    knots = drawn_knots(draw, spline_order)
    x = torch.linspace(knots[spline_order], knots[-spline_order - 1], 201, dtype=torch.float64)[:-1]
    total = cox_de_boor_basis(x, knots, spline_order).sum(-1)
    torch.testing.assert_close(total, torch.ones_like(x), rtol=0, atol=FLOAT64)
    assert KnotSpline(8, spline_order).ends(knots) == (knots[spline_order], knots[-spline_order - 1])
    assert KnotSpline(8, spline_order).support(knots) == (knots[0], knots[-1])


@pytest.mark.parametrize("grid_size", [1, 5, 50])
@pytest.mark.parametrize("spline_order", ORDERS)
def test_on_uniform_knots_both_implementations_agree(spline_order, grid_size, uniform_knots):
    knots = torch.from_numpy(uniform_knots(grid_size, spline_order))
    x = points(knots)
    ours, closed = cox_de_boor_basis(x, knots, spline_order), bspline_basis(x, grid_size, spline_order)
    torch.testing.assert_close(ours, closed, rtol=0, atol=2e-14)  # 8e-15 of the closed form and as much again


@pytest.mark.parametrize("spline_order", ORDERS)
def test_features_may_have_knots_of_their_own(spline_order, draw, scipy_basis):
    knots = drawn_knots(draw, spline_order, features=(3,))
    x = 4 * torch.rand(50, 3, generator=draw, dtype=torch.float64) - 2
    ours = cox_de_boor_basis(x, knots, spline_order)
    for feature in range(3):
        theirs = scipy_basis(x[:, feature], knots[feature], spline_order)
        np.testing.assert_allclose(ours[:, feature].numpy(), theirs, rtol=0, atol=FLOAT64)


@pytest.mark.parametrize("spline_order", ORDERS)
def test_derivative_equals_scipy(spline_order, draw):
    knots = drawn_knots(draw, spline_order)
    x = points(knots)
    x = x[(x.unsqueeze(-1) - knots).abs().min(-1).values > 1e-6].requires_grad_()  # a kink has no derivative
    basis = expand(x.unsqueeze(-1), Expansion(KnotSpline(len(knots) - spline_order - 1, spline_order)), grid=knots)
    for j, column in enumerate(basis.unbind(-1)):
        (ours,) = torch.autograd.grad(column.sum(), x, retain_graph=True)
        element = BSpline.basis_element(knots[j : j + spline_order + 2].numpy(), extrapolate=False).derivative()
        inside = (x >= knots[j]) & (x < knots[j + spline_order + 1])
        theirs = np.where(inside, np.nan_to_num(element(x.detach().numpy())), 0)
        # a derivative is k times the difference of two bases over distances of 0.1 or more
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=20 * spline_order * FLOAT64)


@pytest.mark.parametrize("spline_order", ORDERS)
def test_not_a_number_stays_one_and_infinity_is_outside(spline_order, draw):
    basis = cox_de_boor_basis(
        torch.tensor([math.nan, math.inf, -math.inf]), drawn_knots(draw, spline_order), spline_order
    )
    assert basis[0].isnan().all()
    assert not basis[1:].any()


def test_single_precision_is_good_to_a_few_ulp(draw, scipy_basis):
    knots = drawn_knots(draw, 3).float()
    x = points(knots.double()).float()
    ours = cox_de_boor_basis(x, knots, 3)
    assert ours.dtype == torch.float32
    # as in float64, with an ulp of 1.2e-7; points and knots are exact in both
    np.testing.assert_allclose(ours.numpy(), scipy_basis(x, knots, 3), rtol=0, atol=1e-5)


@pytest.mark.parametrize("features", [(), (3,)])
def test_linear_layer_has_its_edge_functions_on_the_knots(features, draw, make, scipy_basis):
    knots = drawn_knots(draw, 2, features=features)
    layer = make(KANLinear, 3, 4, spline_order=2, knots=knots, base_activation=None, dtype=torch.float64)
    x = 4 * torch.rand(20, 3, generator=draw, dtype=torch.float64) - 2
    expected = np.zeros((20, 4))
    coefficients = (layer.spline_weight * layer.spline_scaler.unsqueeze(-1)).detach().numpy()
    for i in range(3):
        expected += scipy_basis(x[:, i], knots.expand(3, -1)[i], 2) @ coefficients[:, i].T
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=0, atol=1e-12)


def test_convolution_of_one_pixel_is_the_linear_layer_on_the_knots(draw, make):
    knots = drawn_knots(draw, 3, features=(3,))
    options = {"knots": knots, "dtype": torch.float64}
    linear, conv = make(KANLinear, 3, 4, scaler=False, **options), KANConv2d(3, 4, 1, **options)
    conv.load_state_dict({"weight": linear.weight[..., None, None], "grid": linear.grid})
    x = torch.randn(2, 3, 5, 4, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(conv(x).movedim(1, -1), linear(x.movedim(1, -1)), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("knots", "message"),
    [
        ([0.0, 1.0, 0.5, 2.0, 3.0], "knots must be finite and must not decrease"),
        ([0.0, 1.0, math.nan, 2.0, 3.0], "knots must be finite"),
        ([0.0, 1.0, 2.0, 3.0, math.inf], "knots must be finite"),
        ([0.0, 1.0, 2.0, 3.0], r"knots have shape \(4,\); it must be \(n,\) or \(features, n\) with n >= 5"),
        ([[[0.0, 1.0, 2.0, 3.0, 4.0]]], r"knots have shape \(1, 1, 5\); it must be"),
        ([0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0], "a knot is repeated more than 4 times"),
        ([[0.0, 1.0, 2.0, 3.0, 4.0]] * 2, "knots are given for 2 features; this layer has 3"),
    ],
)
@pytest.mark.parametrize(("kind", "sizes"), [(KANLinear, (3, 2)), (KANConv2d, (3, 2, 3))])
def test_knots_without_splines_are_refused(kind, sizes, knots, message):
    with pytest.raises(ValueError, match=message):
        kind(*sizes, knots=torch.tensor(knots))


def test_degree_zero_is_refused():
    with pytest.raises(ValueError, match="spline_order is 0; it must be at least 1"):
        KANLinear(3, 2, spline_order=0, knots=torch.arange(6.0))
