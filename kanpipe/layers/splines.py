"""B-spline bases on uniform grids, as folded truncated powers.

On a uniform grid every basis function is the cardinal B-spline of order k, shifted and scaled. The cardinal
spline is symmetric about its centre, so half of its truncated-power sum is enough (Schoenberg 1946; de Boor,
"A Practical Guide to Splines", chapter IX):

    B(v) = 1/k! sum_i (-1)^i C(k+1, i) max(0, (k+1)/2 - i - |v|)^k,    v = (x - centre) / h

There is no recursion and no division by knot differences; outside its support a basis is exactly 0.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from kanpipe.layers.bases import Ends, InPlaceShifts, Range, as_range, check_range, number, times_
from kanpipe.layers.expansion import Expansion, expand
from kanpipe.layers.kernels import Kernels, kernels


def check_grid(grid_size: int, spline_order: int, grid_range: Range) -> None:
    """Raise ValueError for a grid on which no spline exists."""
    check_degree(grid_size, spline_order)
    check_range(grid_range)


def check_degree(grid_size: int, spline_order: int) -> None:
    """Raise ValueError for fewer than one interval or a degree below one."""
    if grid_size < 1:
        raise ValueError(f"grid_size is {grid_size}; it must be at least 1")
    if spline_order < 1:
        raise ValueError(f"spline_order is {spline_order}; it must be at least 1")


def _folded_sum(distance: Tensor, spline_order: int, power: int) -> Tensor:
    """sum_i (-1)^i C(k+1, i) max(0, (k+1)/2 - i - distance)^power / power!, with 0^0 = 0."""
    tail = F.relu((spline_order + 1) / 2 - distance)
    total = _power(tail, power) * (1 / math.factorial(power))
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


def _folded_sum_(distance: Tensor, spline_order: int, power: int, out: Tensor | None = None) -> Tensor:
    """`_folded_sum` of -distance, which is written over, by the same operations in place; `out` is written once."""
    reach, one, first, *weights = _numbers(spline_order, power, distance.dtype)
    tail = distance.add_(reach).relu_()
    total = _new_power(tail, power).mul_(first)
    for weight in weights[:-1]:
        total.add_(_new_power(tail.sub_(one).relu_(), power).mul_(weight))
    if not weights:
        return total if out is None else out.copy_(total)
    last = _power_(tail.sub_(one).relu_(), power).mul_(weights[-1])
    return torch.add(total, last, out=total if out is None else out)


@lru_cache(maxsize=64)
def _numbers(spline_order: int, power: int, dtype: torch.dtype) -> list[Tensor]:
    """Where the folded sum ends, 1, and the weights of its terms."""
    weights = [(-1) ** i * math.comb(spline_order + 1, i) for i in range(math.ceil((spline_order + 1) / 2))]
    return [number(x, dtype) for x in ((spline_order + 1) / 2, 1.0, *(w / math.factorial(power) for w in weights))]


def _power_(tail: Tensor, power: int) -> Tensor:
    return tail.pow_(power) if 2 <= power <= 3 else _new_power(tail, power)


def _new_power(tail: Tensor, power: int) -> Tensor:
    if power == 0:
        return (tail > 0).to(tail.dtype)
    result = tail.pow(min(power, 3))
    for _ in range(power - 3):
        result.mul_(tail)
    return result


def cardinal(v: Tensor, spline_order: int) -> Tensor:
    """The centred cardinal B-spline of degree `spline_order` at `v`, elementwise."""
    return _folded_sum(v.abs(), spline_order, spline_order)


def cardinal_derivative(v: Tensor, spline_order: int) -> Tensor:
    """The derivative of `cardinal` with respect to `v`; that of degree 1 is 0 at its peak."""
    # 1 at 0, where torch.sign and the derivative of abs are 0, and the second derivative would be
    side = v.sign() if spline_order == 1 else torch.where(v < 0, -1.0, 1.0).to(v.dtype)
    return -side * _folded_sum(v * side, spline_order, spline_order - 1)


# `cardinal_derivative` in few passes: the tails on both sides at once, as v held between bounds; v is written over.


def _quadratic_slope_(v: Tensor) -> Tensor:
    inner = v.clamp(-0.5, 0.5)
    return v.clamp_(-1.5, 1.5).sub_(inner, alpha=3)


def _cubic_slope_(v: Tensor) -> Tensor:
    """(q - p / 2)(|p| + 2 |q| - 4) with p and q, v held in [-2, 2] and [-1, 1]."""
    outer, inner = v.clamp(-2, 2), v.clamp_(-1, 1)
    wave = torch.sub(inner, outer, alpha=0.5)
    return outer.abs_().add_(inner.abs_(), alpha=2).sub_(number(4, v.dtype)).mul_(wave)


QUICK_SLOPES = {2: _quadratic_slope_, 3: _cubic_slope_}


@dataclass(frozen=True)
class UniformSpline(InPlaceShifts):
    """The `grid_size + spline_order` B-splines on a uniform grid.

    The range is `grid_range`, the same for all features, or comes as a tensor `grid` of shape (2, ...): the low and
    the high ends, broadcast against the input.
    """

    grid_size: int
    spline_order: int
    grid_range: Range | None

    @property
    def size(self) -> int:
        return self.grid_size + self.spline_order

    def ends(self, grid: Tensor | None) -> Ends:
        """The low and the high end of the range."""
        if grid is not None:
            return grid[0], grid[1]
        assert self.grid_range is not None  # else it comes as the grid
        return self.grid_range

    def step(self, grid: Tensor | None) -> float | Tensor:
        """The distance h between neighbouring knots."""
        low, high = self.ends(grid)
        return (high - low) / self.grid_size

    def centres(self, grid: Tensor | None) -> list[float | Tensor]:
        """The centres of the basis functions, in units of the input."""
        low, h = self.ends(grid)[0], self.step(grid)
        return [low + (j - self.spline_order + (self.spline_order + 1) / 2) * h for j in range(self.size)]

    def scale(self, grid: Tensor | None) -> float | Tensor:
        return 1 / self.step(grid)

    def support(self, grid: Tensor | None) -> tuple[float | Tensor, float | Tensor]:
        (low, high), reach = self.ends(grid), self.spline_order * self.step(grid)
        return low - reach, high + reach

    def value(self, v: Tensor) -> Tensor:
        return cardinal(v, self.spline_order)

    def slope(self, v: Tensor) -> Tensor:
        return cardinal_derivative(v, self.spline_order)

    def value_(self, difference: Tensor, scale: float | Tensor, out: Tensor) -> None:
        _folded_sum_(times_(difference.abs_(), -scale), self.spline_order, self.spline_order, out)

    def slope_(self, difference: Tensor, scale: float | Tensor) -> Tensor:
        if self.spline_order in QUICK_SLOPES:
            return QUICK_SLOPES[self.spline_order](times_(difference, scale))
        downhill = difference.sign().neg_()
        return _folded_sum_(times_(difference.abs_(), -scale), self.spline_order, self.spline_order - 1).mul_(downhill)

    def kernels(self, dtype: torch.dtype) -> Kernels | None:
        return kernels(self.spline_order, dtype)


def bspline_basis(x: Tensor, grid_size: int = 5, spline_order: int = 3, grid_range: Range = (-1.0, 1.0)) -> Tensor:
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
    basis = UniformSpline(grid_size, spline_order, as_range(grid_range))
    return expand(x.unsqueeze(-1), Expansion(basis))
