"""The B-spline bases against scipy, which evaluates them by de Boor's recursion."""

import math

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from kanpipe.layers import bspline_basis

ORDERS = [1, 2, 3, 4, 5]
GRIDS = [1, 3, 5, 10, 50]
RANGES = [(-1.0, 1.0), (0.0, 1.0), (-3.0, 2.0), (0.25, 7.5)]

# In float64 the arguments (x - centre) / h of G = 50 are off by up to 25 ulp of 1 (2.2e-16), that is 5.6e-15, and no
# basis is steeper than 1; the truncated powers of k <= 5 stay below 2.1 and add another ulp or two each.
FLOAT64 = 8e-15
# The same in float32, whose ulp is 1.2e-7: an argument of G <= 5 is off by 2.5 ulp of 1, one of G = 50 by 25.
FLOAT32 = {1: 6e-7, 3: 6e-7, 5: 6e-7, 50: 4e-6}


def elements(grid_size, spline_order, grid_range=(-1.0, 1.0)):
    """The bases as scipy's piecewise polynomials."""
    low, high = grid_range
    knots = low + (np.arange(grid_size + 2 * spline_order + 1) - spline_order) * (high - low) / grid_size
    parts = [knots[j : j + spline_order + 2] for j in range(grid_size + spline_order)]
    return [BSpline.basis_element(part, extrapolate=False) for part in parts]


def values(elements, x):
    """(points, bases), with 0 where scipy says NaN because a basis is not defined there."""
    return np.nan_to_num(np.stack([element(x) for element in elements], axis=-1))


def random_points(grid_size, spline_order, grid_range=(-1.0, 1.0), n=500):
    """Points inside the extended knots and somewhat beyond."""
    low, high = grid_range
    reach = (spline_order + 0.5) * (high - low) / grid_size
    return np.random.default_rng(0).uniform(low - reach, high + reach, n)


def all_points(grid_size, spline_order, grid_range=(-1.0, 1.0)):
    """Random points, knots, the ends of the range, and points far away."""
    low, high = grid_range
    knots = low + (np.arange(grid_size + 2 * spline_order + 1) - spline_order) * (high - low) / grid_size
    far = np.array([-1e30, -1e3, 1e3, 1e30])
    return np.concatenate([random_points(grid_size, spline_order, grid_range), knots, [low, high], far])


@pytest.mark.parametrize("grid_size", GRIDS)
@pytest.mark.parametrize("spline_order", ORDERS)
def test_basis_equals_scipy_in_float64(grid_size, spline_order):
    x = all_points(grid_size, spline_order)
    ours = bspline_basis(torch.from_numpy(x), grid_size, spline_order).numpy()
    np.testing.assert_allclose(ours, values(elements(grid_size, spline_order), x), rtol=0, atol=FLOAT64)


@pytest.mark.parametrize("grid_range", RANGES)
@pytest.mark.parametrize("spline_order", ORDERS)
def test_basis_equals_scipy_on_other_ranges(spline_order, grid_range):
    x = all_points(5, spline_order, grid_range)
    ours = bspline_basis(torch.from_numpy(x), 5, spline_order, grid_range).numpy()
    np.testing.assert_allclose(ours, values(elements(5, spline_order, grid_range), x), rtol=0, atol=FLOAT64)


@pytest.mark.parametrize("grid_size", FLOAT32)
@pytest.mark.parametrize("spline_order", ORDERS)
def test_basis_equals_scipy_in_float32(grid_size, spline_order):
    x = torch.from_numpy(all_points(grid_size, spline_order)).float()
    ours = bspline_basis(x, grid_size, spline_order)
    theirs = values(elements(grid_size, spline_order), x.double().numpy())
    assert ours.dtype == torch.float32
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=FLOAT32[grid_size])


def test_default_is_ten_parameters_worth_of_bases():
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)
    assert bspline_basis(x).shape == (7, 8)
    assert torch.equal(bspline_basis(x), bspline_basis(x, 5, 3, (-1.0, 1.0)))


@pytest.mark.parametrize("grid_size", GRIDS)
@pytest.mark.parametrize("spline_order", ORDERS)
def test_bases_sum_to_one_inside_the_range(grid_size, spline_order):
    x = torch.linspace(-1, 1, 501, dtype=torch.float64)
    total = bspline_basis(x, grid_size, spline_order).sum(-1)
    # k + 1 bases are not 0 at a point, each as far off as in the comparison with scipy
    torch.testing.assert_close(total, torch.ones_like(x), rtol=0, atol=FLOAT64 * (spline_order + 1))


@pytest.mark.parametrize("shape", [(), (4,), (2, 3, 4), (0, 4)])
def test_bases_are_a_new_last_dimension(shape):
    assert bspline_basis(torch.zeros(shape), 4, 2).shape == (*shape, 6)


@pytest.mark.parametrize("spline_order", ORDERS)
def test_not_a_number_stays_one_and_infinity_is_outside(spline_order):
    basis = bspline_basis(torch.tensor([math.nan, math.inf, -math.inf]), 5, spline_order)
    assert basis[0].isnan().all()
    assert torch.equal(basis[1:], torch.zeros(2, 5 + spline_order))


@pytest.mark.parametrize("x", [math.inf, -math.inf, 2.3, -2.3])
def test_gradient_is_zero_outside_the_knots(x):
    point = torch.tensor([x], requires_grad=True)
    bspline_basis(point).sum().backward()
    assert point.grad.item() == 0


@pytest.mark.parametrize("grid_size", GRIDS)
@pytest.mark.parametrize("spline_order", ORDERS)
def test_derivative_equals_scipy(grid_size, spline_order):
    x = torch.from_numpy(random_points(grid_size, spline_order)).requires_grad_()
    basis = bspline_basis(x, grid_size, spline_order)
    ours = [torch.autograd.grad(column.sum(), x, retain_graph=True)[0].numpy() for column in basis.unbind(-1)]
    theirs = values([element.derivative() for element in elements(grid_size, spline_order)], x.detach().numpy())
    # with respect to (x - centre) / h a derivative is at most as steep as 2 and off like a basis; 1 / h = G / 2
    np.testing.assert_allclose(np.stack(ours, -1), theirs, rtol=0, atol=2 * FLOAT64 * max(grid_size / 2, 1))


def points_between_knots(grid_size=3):
    """Points a tenth of a step or more from every knot and from every centre, where a derivative may jump."""
    steps = torch.tensor([-3.7, -1.3, -0.2, 0.3, 1.4, 2.2, 2.8, 4.6], dtype=torch.float64)
    return (-1 + steps * 2 / grid_size).requires_grad_()


@pytest.mark.parametrize("spline_order", ORDERS)
def test_gradient_equals_finite_differences(spline_order):
    assert torch.autograd.gradcheck(lambda x: bspline_basis(x, 3, spline_order), points_between_knots())


@pytest.mark.parametrize("spline_order", [3, 4, 5])
def test_second_derivative_equals_finite_differences(spline_order):
    assert torch.autograd.gradgradcheck(lambda x: bspline_basis(x, 3, spline_order), points_between_knots())


@pytest.mark.parametrize("spline_order", [3, 4, 5])
def test_second_derivative_equals_scipy_at_knots_and_centres(spline_order):
    """The middle of a basis function is a point like any other, and the ends of the grid are such middles."""
    x = torch.linspace(-1, 1, 9, dtype=torch.float64).requires_grad_()  # knots, and half-way between two
    basis = bspline_basis(x, 4, spline_order)
    ours = []
    for column in basis.unbind(-1):
        (slope,) = torch.autograd.grad(column.sum(), x, create_graph=True)
        ours.append(torch.autograd.grad(slope.sum(), x)[0].numpy())
    theirs = values([element.derivative(2) for element in elements(4, spline_order)], x.detach().numpy())
    np.testing.assert_allclose(np.stack(ours, -1), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grid_size": 0}, "grid_size is 0; it must be at least 1"),
        ({"spline_order": 0}, "spline_order is 0; it must be at least 1"),
        ({"grid_range": (1.0, 1.0)}, "grid_range is (1.0, 1.0); it must be finite and its first end below its second"),
        ({"grid_range": (1.0, -1.0)}, "grid_range is (1.0, -1.0); it must be finite"),
        ({"grid_range": (-math.inf, 1.0)}, "grid_range is (-inf, 1.0); it must be finite"),
        ({"grid_range": (-1.0, math.nan)}, "grid_range is (-1.0, nan); it must be finite"),
    ],
)
def test_grid_that_does_not_exist_is_refused(arguments, message):
    with pytest.raises(ValueError) as refusal:
        bspline_basis(torch.zeros(2), **arguments)
    assert str(refusal.value).startswith(message)


def test_integers_are_refused():
    with pytest.raises(TypeError, match="bspline_basis takes a floating-point tensor, not torch.int64"):
        bspline_basis(torch.arange(3))
