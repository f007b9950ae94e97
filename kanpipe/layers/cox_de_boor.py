"""B-spline bases on any knots, by the recursion of Cox and de Boor.

The slow path, for knots that are not uniform: some 4 k passes over a tensor with a column for every knot, where
the closed form for uniform knots (`splines`) needs a few over the input.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def check_knots(knots: Tensor, spline_order: int) -> None:
    """Raise ValueError for knots on which there is no B-spline of this degree; on the meta device none is known."""
    if spline_order < 1:
        raise ValueError(f"spline_order is {spline_order}; it must be at least 1")
    if knots.dim() not in (1, 2) or knots.shape[-1] < spline_order + 2:
        shape = tuple(knots.shape)
        raise ValueError(f"knots have shape {shape}; it must be (n,) or (features, n) with n >= {spline_order + 2}")
    if knots.is_meta:
        return
    if not (knots.isfinite().all() and (knots.diff(dim=-1) >= 0).all()):
        raise ValueError("knots must be finite and must not decrease")
    if not (knots[..., spline_order + 1 :] > knots[..., : -(spline_order + 1)]).all():
        raise ValueError(f"a knot is repeated more than {spline_order + 1} times")


def cox_de_boor_basis(x: Tensor, knots: Tensor, spline_order: int) -> Tensor:
    """All B-splines of degree `spline_order` on `knots`, which need not be uniform, at every element of `x`.

    NaN gives NaN, infinity gives 0; at the last knot a basis has its limit from the left.

    Shapes: x (...), knots (n,) or (features, n) with features the last dimension of x -> (..., n - k - 1).
    Source: de Boor, "A Practical Guide to Splines", chapter IX, (14); efficient-kan's `b_splines` is this formula.
    """
    x = torch.where(x.isinf(), knots[..., -1] + 1, x).unsqueeze(-1)
    basis = _indicators(x, knots)
    for k in range(1, spline_order + 1):
        rising = _quotient(x - knots[..., : -(k + 1)], knots[..., k:-1] - knots[..., : -(k + 1)])
        falling = _quotient(knots[..., k + 1 :] - x, knots[..., k + 1 :] - knots[..., 1:-k])
        basis = rising * basis[..., :-1] + falling * basis[..., 1:]
    return basis


def _indicators(x: Tensor, knots: Tensor) -> Tensor:
    """(..., n - 1): 1 in the interval of x, which is closed on the left; the last one is closed on both sides."""
    left, right, last = knots[..., :-1], knots[..., 1:], knots[..., -1:]
    inside = (x >= left) & (x < right) | (x == last) & (left < last) & (right == last)
    return inside.to(x.dtype)


def _quotient(distance: Tensor, width: Tensor) -> Tensor:
    """distance / width, and 0 where a knot is repeated."""
    return distance * torch.where(width > 0, 1 / width, torch.zeros_like(width))


@dataclass(frozen=True)
class KnotSpline:
    """The B-splines on the knots that come as the tensor `grid`, of shape (..., size + spline_order + 1)."""

    size: int
    spline_order: int

    def values(self, u: Tensor, grid: Tensor | None) -> tuple[Tensor, ...]:
        return cox_de_boor_basis(u, _given(grid).to(u.dtype), self.spline_order).unbind(-1)

    def pullback(self, u: Tensor, grid: Tensor | None, grads: Sequence[Tensor]) -> Tensor:
        return (self._slopes(u, grid) * torch.stack(list(grads), dim=-1)).sum(-1)

    def slopes(self, u: Tensor, grid: Tensor | None) -> tuple[Tensor, ...]:
        return self._slopes(u, grid).unbind(-1)

    def _slopes(self, u: Tensor, grid: Tensor | None) -> Tensor:
        """(..., size)"""
        knots, k = _given(grid).to(u.dtype), self.spline_order
        lower = cox_de_boor_basis(u, knots, k - 1)
        weighted = _quotient(k * lower, knots[..., k:] - knots[..., :-k])
        return weighted[..., :-1] - weighted[..., 1:]

    def ends(self, grid: Tensor | None) -> tuple[Tensor, Tensor]:
        """The interval on which the functions sum to one."""
        knots = _given(grid)
        return knots[..., self.spline_order], knots[..., -self.spline_order - 1]

    def support(self, grid: Tensor | None) -> tuple[Tensor, Tensor]:
        knots = _given(grid)
        return knots[..., 0], knots[..., -1]


def _given(knots: Tensor | None) -> Tensor:
    """The knots, without which there are no such splines."""
    assert knots is not None
    return knots
