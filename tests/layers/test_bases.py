"""The Gaussians of FastKAN and the 1 - tanh^2 of FasterKAN, by numpy's formulas."""

import math

import numpy as np
import pytest
import torch

from kanpipe.layers.bases import Gaussian, Switch
from kanpipe.layers.expansion import Expansion, expand

KINDS = [Gaussian(8, (-2.0, 2.0)), Gaussian(2, (0.5, 3.0)), Switch(8, (-1.2, 1.2)), Switch(3, (-4.0, 1.0))]


def basis_of(basis, x):
    """(...) -> (..., size)."""
    return expand(x.unsqueeze(-1), Expansion(basis))


def formula(basis, x):
    """exp(-((x - c) / h)^2) or sech(x - c)^2, centres evenly over the range."""
    centres = np.linspace(*basis.grid_range, basis.size)
    distance = x.numpy()[..., None] - centres
    if isinstance(basis, Switch):
        return 1 / np.cosh(distance) ** 2
    return np.exp(-((distance / (centres[1] - centres[0])) ** 2))


@pytest.mark.parametrize("basis", KINDS, ids=repr)
def test_values_equal_the_formula(basis, draw):
    x = 3 * torch.randn(200, 2, generator=draw, dtype=torch.float64)
    # 1 - tanh^2 loses an ulp or two of 1, and an argument below 20 is off by some ulp times the slope, below 1
    np.testing.assert_allclose(basis_of(basis, x).numpy(), formula(basis, x), rtol=0, atol=4e-15)


@pytest.mark.parametrize("basis", KINDS, ids=repr)
def test_values_in_single_precision_are_good_to_a_few_ulp(basis, draw):
    x = 3 * torch.randn(200, generator=draw)
    values = basis_of(basis, x)
    assert values.dtype == torch.float32
    np.testing.assert_allclose(values.numpy(), formula(basis, x.double()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("basis", KINDS, ids=repr)
def test_first_and_last_centre_are_the_ends_of_the_range(basis):
    at_ends = basis_of(basis, torch.tensor(basis.grid_range, dtype=torch.float64))
    # the last centre is low + (n - 1) h, an ulp beside the end
    torch.testing.assert_close(at_ends[[0, 1], [0, -1]], torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-15)
    assert basis.ends(None) == basis.grid_range
    assert basis.support(None) == (-math.inf, math.inf)


@pytest.mark.parametrize("basis", KINDS, ids=repr)
def test_both_derivatives_equal_finite_differences(basis, draw):
    x = torch.randn(6, 2, generator=draw, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: basis_of(basis, x), x)
    assert torch.autograd.gradgradcheck(lambda x: basis_of(basis, x), x)


@pytest.mark.parametrize("basis", KINDS, ids=repr)
def test_not_a_number_stays_one_and_infinity_gives_zero(basis):
    values = basis_of(basis, torch.tensor([math.nan, math.inf, -math.inf]))
    assert values[0].isnan().all()
    assert torch.equal(values[1:], torch.zeros(2, basis.size))


@pytest.mark.parametrize("basis", KINDS, ids=repr)
def test_gradient_far_away_is_zero(basis):
    x = torch.tensor([-1e30, 1e30, -1e4, 1e4], requires_grad=True)
    basis_of(basis, x).sum().backward()
    assert torch.equal(x.grad, torch.zeros(4))


def test_published_gradient_of_the_switch_is_exactly_half_and_its_values_are_the_same(draw):
    x = torch.randn(50, generator=draw, requires_grad=True)
    weights = torch.randn(50, 8, generator=draw)
    true, published = (basis_of(Switch(8, (-1.2, 1.2), scale), x) for scale in (1.0, 0.5))
    assert torch.equal(true, published)
    (true_grad,), (published_grad,) = (torch.autograd.grad((b * weights).sum(), x) for b in (true, published))
    assert torch.equal(published_grad, true_grad / 2)
    assert true_grad.abs().max() > 0.1


@pytest.mark.parametrize("kind", [Gaussian, Switch])
@pytest.mark.parametrize(
    ("size", "grid_range", "message"),
    [
        (1, (-1.0, 1.0), "centres is 1; it must be at least 2"),
        (0, (-1.0, 1.0), "centres is 0; it must be at least 2"),
        (8, (1.0, 1.0), r"grid_range is \(1.0, 1.0\); it must be finite and its first end below its second"),
        (8, (2.0, -2.0), r"grid_range is \(2.0, -2.0\); it must be finite"),
        (8, (-math.inf, 1.0), r"grid_range is \(-inf, 1.0\); it must be finite"),
        (8, (math.nan, 1.0), r"grid_range is \(nan, 1.0\); it must be finite"),
    ],
)
def test_centres_that_cannot_be_are_refused(kind, size, grid_range, message):
    with pytest.raises(ValueError, match=message):
        kind(size, grid_range)
