"""The bases of ChebyKAN, FourierKAN, ReLU-KAN and Wav-KAN, by their formulas.

Each is all that a family needs: `BasisLinear` and `BasisConv2d` make layers of any of them, and `published` says which
of their options the published layer has. The coefficients of all functions of all inputs are one weight.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from kanpipe.layers.bases import Radial, Range, Shifts, Slopes, as_range, check_range
from kanpipe.layers.families import LayerFamily, kan_family
from kanpipe.layers.kan_conv2d import BasisConv2d
from kanpipe.layers.kan_linear import BasisLinear


@dataclass(frozen=True)
class Chebyshev(Slopes):
    """T_0(t) to T_degree(t), the polynomials with T_j(cos a) = cos(j a), at t = tanh(u), or at u without `squash`.

    Source: github.com/SynodicMonth/ChebyKAN, with cos(j arccos t). Here by T_{j+1} = 2 t T_j - T_{j-1}, whose
    derivatives are finite at the ends. There a LayerNorm stands between two layers: `linear_norm: layer` of the family.
    """

    degree: int = 4
    squash: bool = True
    published: ClassVar[Mapping[str, Any]] = {"base_activation": None, "init": "chebykan"}

    def __post_init__(self) -> None:
        if self.degree < 1:
            raise ValueError(f"degree is {self.degree}; it must be at least 1")

    @property
    def size(self) -> int:
        return self.degree + 1

    def values(self, u: Tensor, grid: Tensor | None) -> list[Tensor]:
        t = torch.tanh(u) if self.squash else u
        return _by_recursion(t, t, self.size)

    def slopes(self, u: Tensor, grid: Tensor | None) -> list[Tensor]:
        """T_j' = j U_{j-1}, with the polynomials of the second kind U, whose U_1 is 2 t."""
        t = torch.tanh(u) if self.squash else u
        inner = 1 - t * t if self.squash else torch.ones_like(u)
        second = _by_recursion(t, 2 * t, self.degree)
        return [torch.zeros_like(u)] + [j * inner * polynomial for j, polynomial in enumerate(second, start=1)]

    def ends(self, grid: Tensor | None) -> Range:
        return (-math.inf, math.inf) if self.squash else (-1.0, 1.0)


def _by_recursion(t: Tensor, first: Tensor, count: int) -> list[Tensor]:
    """`count` polynomials that begin with 1 and `first`, each 2 t times the last less the one before."""
    found = [torch.ones_like(t), first]
    while len(found) < count:
        found.append(2 * t * found[-1] - found[-2])
    return found[:count]


@dataclass(frozen=True)
class Fourier(Slopes):
    """cos(k u) and sin(k u) for k from 1 to `frequencies`: all cosines first, then all sines; u in radians.

    Source: github.com/GistNoesis/FourierKAN (`gridsize`); its `smooth_initialization` is init="fourierkan_smooth".
    """

    frequencies: int = 5
    published: ClassVar[Mapping[str, Any]] = {"base_activation": None, "bias": True, "init": "fourierkan"}

    def __post_init__(self) -> None:
        if self.frequencies < 1:
            raise ValueError(f"frequencies is {self.frequencies}; it must be at least 1")

    @property
    def size(self) -> int:
        return 2 * self.frequencies

    @property
    def multiples(self) -> range:
        """The frequencies k, in radians of u."""
        return range(1, self.frequencies + 1)

    def values(self, u: Tensor, grid: Tensor | None) -> list[Tensor]:
        return [torch.cos(k * u) for k in self.multiples] + [torch.sin(k * u) for k in self.multiples]

    def slopes(self, u: Tensor, grid: Tensor | None) -> list[Tensor]:
        return [-k * torch.sin(k * u) for k in self.multiples] + [k * torch.cos(k * u) for k in self.multiples]

    def ends(self, grid: Tensor | None) -> Range:
        """One period."""
        return (-math.pi, math.pi)


@dataclass(frozen=True)
class ReLUBumps(Shifts):
    """(relu(e_i - u) relu(u - s_i))^2 16 / (e_i - s_i)^4: `grid_size + span` bumps between s_i and e_i.

    With a step h of the range's `grid_size` intervals, s_i = low + (i - span) h and e_i = s_i + (span + 1) h. About
    its centre, in half widths v, each is relu(1 - v^2)^2. The published layer learns the ends; here they are fixed.
    Source: arXiv:2406.02075, equation 6; github.com/quiqi/relu_kan (there g and k).
    """

    grid_size: int = 5
    span: int = 3
    grid_range: Range = (0.0, 1.0)
    published: ClassVar[Mapping[str, Any]] = {"base_activation": None, "bias": True, "init": "linear"}

    def __post_init__(self) -> None:
        for name, value, least in (("grid_size", self.grid_size, 1), ("span", self.span, 0)):
            if value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}")
        object.__setattr__(self, "grid_range", as_range(self.grid_range))
        check_range(self.grid_range)

    @property
    def size(self) -> int:
        return self.grid_size + self.span

    @property
    def step(self) -> float:
        """The distance h of neighbouring bumps."""
        return (self.grid_range[1] - self.grid_range[0]) / self.grid_size

    def centres(self, grid: Tensor | None) -> list[float]:
        return [self.grid_range[0] + (j - self.span + (self.span + 1) / 2) * self.step for j in range(self.size)]

    def scale(self, grid: Tensor | None) -> float:
        return 2 / ((self.span + 1) * self.step)

    def value(self, v: Tensor) -> Tensor:
        return F.relu(1 - v * v).square()

    def slope(self, v: Tensor) -> Tensor:
        return -4 * v * F.relu(1 - v * v)

    def ends(self, grid: Tensor | None) -> Range:
        return self.grid_range

    def support(self, grid: Tensor | None) -> Range:
        reach = self.span * self.step
        return self.grid_range[0] - reach, self.grid_range[1] + reach


def _bell(v: Tensor) -> Tensor:
    """exp(-v^2 / 2), without the denormal numbers that slow a CPU down."""
    return F.threshold(torch.exp(-0.5 * v * v), torch.finfo(v.dtype).tiny, 0.0)


NORM = 2 / (math.sqrt(3) * math.pi**0.25)  # of the Mexican hat's square to 1
CENTRAL = 5.0  # the frequency of Morlet's wavelet
# name: (the factor of exp(-v^2 / 2) in the wavelet, that in its derivative)
WAVELETS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "mexican_hat": (lambda v: NORM * (v * v - 1), lambda v: NORM * v * (3 - v * v)),
    "dog": (lambda v: -v, lambda v: v * v - 1),
    "morlet": (
        lambda v: torch.cos(CENTRAL * v),
        lambda v: -CENTRAL * torch.sin(CENTRAL * v) - v * torch.cos(CENTRAL * v),
    ),
}


@dataclass(frozen=True)
class Wavelets(Radial):
    """A mother wavelet psi((u - c_j) / h) at `size` centres c_j of distance h: Mexican hat, dog or morlet.

    Wav-KAN has one wavelet an edge and learns its place and width, which takes a tensor (batch, out, in); here places
    and width are fixed and the heights at all places are learned, as in the other bases. Its formulas, with their
    signs; its BatchNorm behind the layer is `linear_norm: batch` of the family.
    Source: arXiv:2405.12832; github.com/zavareh1/Wav-KAN.
    """

    size: int = 8
    grid_range: Range = (-2.0, 2.0)
    wavelet: str = "mexican_hat"
    published: ClassVar[Mapping[str, Any]] = {"base_activation": None, "init": "linear"}

    def __post_init__(self) -> None:
        if self.wavelet not in WAVELETS:
            raise ValueError(f"wavelet is {self.wavelet!r}; choose one of {', '.join(WAVELETS)}")
        object.__setattr__(self, "grid_range", as_range(self.grid_range))
        super().__post_init__()

    def scale(self, grid: Tensor | None) -> float:
        return 1 / self.spacing

    def value(self, v: Tensor) -> Tensor:
        return WAVELETS[self.wavelet][0](v) * _bell(v)

    def slope(self, v: Tensor) -> Tensor:
        return WAVELETS[self.wavelet][1](v) * _bell(v)


def chebykan(**options: Any) -> LayerFamily:
    """The family `chebykan`."""
    return _family(Chebyshev, options)


def fourierkan(**options: Any) -> LayerFamily:
    """The family `fourierkan`."""
    return _family(Fourier, options)


def relukan(**options: Any) -> LayerFamily:
    """The family `relukan`."""
    return _family(ReLUBumps, options)


def waveletkan(**options: Any) -> LayerFamily:
    """The family `waveletkan`; `centres` is the number of places."""
    if "centres" in options:
        options["size"] = options.pop("centres")
    return _family(Wavelets, options)


def _family(kind: Callable[..., Any], options: dict[str, Any]) -> LayerFamily:
    """Layers of a basis, with the options of the published layer; the basis takes those that are its own."""
    basis = kind(**{name: options.pop(name) for name in inspect.signature(kind).parameters if name in options})
    layers = (partial(layer, basis=basis) for layer in (BasisLinear, BasisConv2d))
    return kan_family(*layers, **{**basis.published, **options})
