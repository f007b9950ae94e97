"""What a basis is to a layer, and the bases of FastKAN and FasterKAN.

Those two are shifts of one function: B_j(u) = phi((u - c_j) s), with centres c_j and a scale s. A basis is a
frozen description without tensors, so that it passes through `torch.compile` as a constant; ranges that differ
from feature to feature come as a tensor `grid` beside it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from kanpipe.layers.kernels import Kernels

Range = tuple[float, float]
Ends = Range | tuple[Tensor, Tensor]  # the same for all features, or an entry for each


def check_range(grid_range: Range) -> None:
    """Raise ValueError for a range that is infinite, empty or reversed."""
    low, high = grid_range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"grid_range is ({low}, {high}); it must be finite and its first end below its second")


def as_range(ends: Iterable[float]) -> Range:
    """The two ends as a pair, whatever they come in; ValueError for another number of them."""
    low, high = ends
    return low, high


class Basis(Protocol):
    """Functions of one variable, each applied to every element of a tensor."""

    @property
    def size(self) -> int:
        """How many functions there are."""

    def values(self, u: Tensor, grid: Tensor | None) -> Sequence[Tensor]:
        """The `size` functions at `u`, each a tensor like u."""

    def pullback(self, u: Tensor, grid: Tensor | None, grads: Sequence[Tensor]) -> Tensor:
        """sum_j grads[j] B_j'(u): from gradients of the functions to the gradient of `u`."""

    def slopes(self, u: Tensor, grid: Tensor | None) -> Sequence[Tensor]:
        """The `size` derivatives B_j'(u), each a tensor like u."""

    def ends(self, grid: Tensor | None) -> Ends:
        """The low and the high end of the range in which the functions stand."""

    def support(self, grid: Tensor | None) -> tuple[float | Tensor, float | Tensor]:
        """The interval outside which every function is 0 (infinite if none is)."""


class Slopes:
    """A basis whose pullback is the sum of its slopes, and which is 0 nowhere beyond an end, unless it says more."""

    def slopes(self, u: Tensor, grid: Tensor | None) -> Sequence[Tensor]:
        """The derivatives B_j'(u)."""
        raise NotImplementedError

    def pullback(self, u: Tensor, grid: Tensor | None, grads: Sequence[Tensor]) -> Tensor:
        total = torch.zeros_like(u)
        for slope, grad in zip(self.slopes(u, grid), grads, strict=True):
            total = total + grad * slope
        return total

    def support(self, grid: Tensor | None) -> Range:
        return (-math.inf, math.inf)


class Shifts:
    """A basis of shifts of one function: subclasses say `centres`, `scale`, `value` and `slope`."""

    def centres(self, grid: Tensor | None) -> Sequence[float | Tensor]:
        """The centres c_j, in units of the input."""
        raise NotImplementedError

    def scale(self, grid: Tensor | None) -> float | Tensor:
        """The factor s between u - c_j and the argument of the function."""
        raise NotImplementedError

    def value(self, v: Tensor) -> Tensor:
        """The function phi at `v`."""
        raise NotImplementedError

    def slope(self, v: Tensor) -> Tensor:
        """The derivative of phi at `v`."""
        raise NotImplementedError

    def slope_scale(self, grid: Tensor | None) -> float | Tensor:
        """The factor of the derivative: s, unless a published gradient is wrong."""
        return self.scale(grid)

    def values(self, u: Tensor, grid: Tensor | None) -> tuple[Tensor, ...]:
        grid = _like(grid, u)
        scale = self.scale(grid)
        return tuple(self.value((u - centre) * scale) for centre in self.centres(grid))

    def pullback(self, u: Tensor, grid: Tensor | None, grads: Sequence[Tensor]) -> Tensor:
        grid = _like(grid, u)
        scale = self.scale(grid)
        total = torch.zeros_like(u)
        for centre, grad in zip(self.centres(grid), grads, strict=True):
            total = total + grad * self.slope((u - centre) * scale)
        return total * self.slope_scale(grid)

    def slopes(self, u: Tensor, grid: Tensor | None) -> tuple[Tensor, ...]:
        grid = _like(grid, u)
        scale, factor = self.scale(grid), self.slope_scale(grid)
        return tuple(self.slope((u - centre) * scale) * factor for centre in self.centres(grid))


class InPlaceShifts(Shifts):
    """Shifts whose function can also be computed in few passes over memory and few calls (see `in_blocks`).

    Both methods write over the differences u - c_j that they are given. Values have the bits of `value`, slopes may
    differ from those of `slope` in the last places.
    """

    def value_(self, difference: Tensor, scale: float | Tensor, out: Tensor) -> None:
        """The function phi of difference * scale into `out`, which is written once: it may lie apart in memory."""
        raise NotImplementedError

    def slope_(self, difference: Tensor, scale: float | Tensor) -> Tensor:
        """The derivative of phi at difference * scale."""
        raise NotImplementedError

    def kernels(self, dtype: torch.dtype) -> Kernels | None:
        """What computes all functions in one pass, for one range of all inputs, if there is such a thing."""
        return None


@lru_cache(maxsize=1024)
def number(value: float, dtype: torch.dtype) -> Tensor:
    """A tensor without dimensions: torch makes one of each Python number, which takes longer than a small operation."""
    return torch.tensor(value, dtype=dtype, device="cpu")


def times_(tensor: Tensor, scale: float | Tensor) -> Tensor:
    """`tensor`, multiplied in place."""
    if isinstance(scale, float) and scale == 1:
        return tensor
    return tensor.mul_(scale if isinstance(scale, Tensor) else number(scale, tensor.dtype))


def _like(grid: Tensor | None, u: Tensor) -> Tensor | None:
    """The grid in the precision of `u`, in which the steps between its knots are to be computed too."""
    return None if grid is None else grid.to(u.dtype)


@dataclass(frozen=True)
class Radial(Shifts):
    """`size` shifts with centres evenly over `grid_range`, both ends included; ValueError for fewer than 2."""

    size: int
    grid_range: Range

    def __post_init__(self) -> None:
        if self.size < 2:
            raise ValueError(f"centres is {self.size}; it must be at least 2")
        check_range(self.grid_range)

    @property
    def spacing(self) -> float:
        """The distance between neighbouring centres."""
        return (self.grid_range[1] - self.grid_range[0]) / (self.size - 1)

    def centres(self, grid: Tensor | None) -> list[float]:
        return [self.grid_range[0] + j * self.spacing for j in range(self.size)]

    def ends(self, grid: Tensor | None) -> Range:
        return self.grid_range

    def support(self, grid: Tensor | None) -> Range:
        return (-float("inf"), float("inf"))


@dataclass(frozen=True)
class Gaussian(Radial, InPlaceShifts):
    """exp(-((u - c_j) / h)^2), h the distance of the centres: the basis of FastKAN (arXiv:2405.06721)."""

    def scale(self, grid: Tensor | None) -> float:
        return 1 / self.spacing

    def value(self, v: Tensor) -> Tensor:
        height = torch.exp(-v * v)
        # Denormal numbers far from a centre would slow a CPU's matmul twentyfold.
        return F.threshold(height, torch.finfo(v.dtype).tiny, 0.0)

    def slope(self, v: Tensor) -> Tensor:
        return -2 * v * self.value(v)

    def value_(self, difference: Tensor, scale: float | Tensor, out: Tensor) -> None:
        v = times_(difference, scale)
        torch.threshold(v.mul_(v).neg_().exp_(), torch.finfo(v.dtype).tiny, 0.0, out=out)

    def slope_(self, difference: Tensor, scale: float | Tensor) -> Tensor:
        v = times_(difference, scale)
        height = v.square().neg_().exp_()
        torch.threshold_(height, torch.finfo(v.dtype).tiny, 0.0)
        return times_(v, -2).mul_(height)


@dataclass(frozen=True)
class Switch(Radial, InPlaceShifts):
    """1 - tanh(u - c_j)^2: the basis of github.com/AthanasiosDelis/faster-kan.

    `gradient_scale` multiplies the derivative. It is 1 for the true derivative; as published it is 0.5, because the
    backward pass there applies a factor that its forward pass leaves out.
    """

    gradient_scale: float = 1.0

    def scale(self, grid: Tensor | None) -> float:
        return 1.0

    def slope_scale(self, grid: Tensor | None) -> float:
        return self.gradient_scale

    # With s the sigmoid of 2 v, tanh v is 2 s - 1 and 1 - tanh^2 is 4 s (1 - s): compilers have a slow tanh on CPUs.
    def value(self, v: Tensor) -> Tensor:
        s = torch.sigmoid(2 * v)
        return 4 * s * (1 - s)

    def slope(self, v: Tensor) -> Tensor:
        s = torch.sigmoid(2 * v)
        return 8 * s * (1 - s) * (1 - 2 * s)

    # sigmoid_backward(factor, s) is factor (1 - s) s in one pass
    def value_(self, difference: Tensor, scale: float | Tensor, out: Tensor) -> None:
        s = times_(difference, 2 * scale).sigmoid_()
        torch.ops.aten.sigmoid_backward.grad_input(number(4, s.dtype), s, grad_input=out)

    def slope_(self, difference: Tensor, scale: float | Tensor) -> Tensor:
        s = times_(difference, 2 * scale).sigmoid_()
        factor = torch.mul(s, number(-16, s.dtype)).add_(number(8, s.dtype))
        return torch.ops.aten.sigmoid_backward.grad_input(factor, s, grad_input=factor)
