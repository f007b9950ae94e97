"""B-spline bases on uniform grids, as folded truncated powers.

On a uniform grid every basis function is the cardinal B-spline of order k, shifted and scaled. The cardinal
spline is symmetric about its centre, so half of its truncated-power sum is enough (Schoenberg 1946; de Boor,
"A Practical Guide to Splines", chapter IX):

    B(v) = 1/k! sum_i (-1)^i C(k+1, i) max(0, (k+1)/2 - i - |v|)^k,    v = (x - centre) / h

There is no recursion and no division by knot differences; outside its support a basis is exactly 0.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def spacing(grid_size: int, grid_range: tuple[float, float]) -> float:
    """The distance h between neighbouring knots."""
    low, high = grid_range
    return (high - low) / grid_size


def centres(grid_size: int, spline_order: int, grid_range: tuple[float, float]) -> list[float]:
    """The centres of the `grid_size + spline_order` basis functions, in units of x."""
    h = spacing(grid_size, grid_range)
    return [grid_range[0] + (j - spline_order + (spline_order + 1) / 2) * h for j in range(grid_size + spline_order)]


def check_grid(grid_size: int, spline_order: int, grid_range: tuple[float, float]) -> None:
    """Raise ValueError for a grid on which no spline exists."""
    if grid_size < 1:
        raise ValueError(f"grid_size is {grid_size}; it must be at least 1")
    if spline_order < 1:
        raise ValueError(f"spline_order is {spline_order}; it must be at least 1")
    low, high = grid_range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"grid_range is ({low}, {high}); it must be finite and its first end below its second")


def _folded_sum(distance: Tensor, spline_order: int, power: int) -> Tensor:
    """sum_i (-1)^i C(k+1, i) max(0, (k+1)/2 - i - distance)^power / power!, with 0^0 = 0."""
    tail = F.relu((spline_order + 1) / 2 - distance)
    total = _power(tail, power) / math.factorial(power)
    for i in range(1, math.ceil((spline_order + 1) / 2)):
        tail = F.relu(tail - 1)
        weight = (-1) ** i * math.comb(spline_order + 1, i) / math.factorial(power)
        total = total + weight * _power(tail, power)
    return total


def _power(tail: Tensor, power: int) -> Tensor:
    if power == 0:
        return (tail > 0).to(tail.dtype)
    result = tail
    for _ in range(power - 1):
        result = result * tail
    return result


def cardinal(v: Tensor, spline_order: int) -> Tensor:
    """The centred cardinal B-spline of degree `spline_order` at `v`, elementwise."""
    return _folded_sum(v.abs(), spline_order, spline_order)


def cardinal_derivative(v: Tensor, spline_order: int) -> Tensor:
    """The derivative of `cardinal` with respect to `v`."""
    return -torch.sign(v) * _folded_sum(v.abs(), spline_order, spline_order - 1)


class _Bases(torch.autograd.Function):
    """The basis functions, each a tensor like x, with the derivative in closed form (x alone is kept)."""

    @staticmethod
    def forward(ctx, x: Tensor, centre: Sequence[float], h: float, spline_order: int) -> tuple[Tensor, ...]:
        ctx.save_for_backward(x)
        ctx.centre, ctx.h, ctx.spline_order = centre, h, spline_order
        return tuple(cardinal((x - c) * (1 / h), spline_order) for c in centre)

    @staticmethod
    def backward(ctx, *grads: Tensor) -> tuple[Tensor | None, None, None, None]:
        (x,) = ctx.saved_tensors
        inverse_h = 1 / ctx.h
        total = torch.zeros_like(x)
        for c, grad in zip(ctx.centre, grads, strict=True):
            total = total + grad * cardinal_derivative((x - c) * inverse_h, ctx.spline_order)
        return total * inverse_h, None, None, None


def bases(x: Tensor, grid_size: int, spline_order: int, grid_range: tuple[float, float]) -> tuple[Tensor, ...]:
    """The `grid_size + spline_order` basis functions, each a tensor like x: what a packed matmul is fed with."""
    centre = centres(grid_size, spline_order, grid_range)
    return _Bases.apply(x, centre, spacing(grid_size, grid_range), spline_order)


def bspline_basis(
    x: Tensor, grid_size: int = 5, spline_order: int = 3, grid_range: tuple[float, float] = (-1.0, 1.0)
) -> Tensor:
    """All B-spline basis functions at every element of `x`.

    The knots are uniform over `grid_range` with step h = (high - low) / grid_size and go on for `spline_order`
    steps on either side, as in efficient-kan. The bases sum to one inside `grid_range`; beyond the outermost knots
    all are 0, so is their gradient. NaN gives NaN, infinity gives 0.

    Shapes: (...) -> (..., grid_size + spline_order). Raises ValueError for a grid that does not exist and
    TypeError for a tensor that is not of floating point.
    """
    check_grid(grid_size, spline_order, grid_range)
    if not x.is_floating_point():
        raise TypeError(f"bspline_basis takes a floating-point tensor, not {x.dtype}")
    return torch.stack(bases(x, grid_size, spline_order, grid_range), dim=-1)
