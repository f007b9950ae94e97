"""Layers of KAT: one learned rational function a group of channels, and then an ordinary layer (arXiv:2409.10594).

    F(x) = (a_0 + a_1 x + ... + a_5 x^5) / (1 + |b_1 x + ... + b_4 x^4|),    y = W F(x) + bias

The denominator is never below 1, so F has no poles. The numerator is the same for all groups, each group has its own
denominator, as in github.com/Adamdad/rational_kat_cu. A rational function is not linear in its coefficients: so it is
not one of the bases, but costs a fraction of their parameters.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.layers.families import LayerFamily, kan_family

NUMERATOR, DENOMINATOR = 5, 4  # degrees m and n
FITTED = (-3.0, 3.0)  # where a start is fitted, as in the source
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"silu": F.silu, "gelu": F.gelu}
STARTS = ("identity", *ACTIVATIONS)


class GroupRational(nn.Module):
    """F of each element, with the coefficients of its group of channels along `dim`; the shape stays.

    `numerator` has the shape (6,), `denominator` (groups, 4). Channels that cannot be cut into as many groups are cut
    into the greatest common divisor of both numbers. ValueError for a start that does not exist.
    """

    def __init__(self, channels: int, groups: int = 8, start: str = "silu", dim: int = -1, **place: Any) -> None:
        super().__init__()
        if groups < 1:
            raise ValueError(f"rational_groups is {groups}; it must be at least 1")
        self.start, self.dim, self.groups = start, dim, math.gcd(channels, groups)
        self.numerator = nn.Parameter(torch.empty(NUMERATOR + 1, **place))
        self.denominator = nn.Parameter(torch.empty(self.groups, DENOMINATOR, **place))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """The coefficients by which F is the start: the identity, or the fit of SiLU or GELU on [-3, 3].

        On the meta device there is nothing to start.
        """
        if self.numerator.is_meta:
            return
        numerator, denominator = _coefficients(self.start)
        self.numerator.copy_(numerator)
        self.denominator.copy_(denominator.expand_as(self.denominator))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        grouped = wide.unflatten(self.dim, (self.groups, -1))
        behind = [1] * -self.dim
        b = [column.view(-1, *behind) for column in self.denominator.to(wide.dtype).unbind(1)]
        return _rational(grouped, self.numerator.to(wide.dtype).unbind(), b).flatten(self.dim - 1, self.dim).to(x.dtype)

    def extra_repr(self) -> str:
        return f"groups={self.groups}, start={self.start!r}"


def _rational(x: Tensor, a: Any, b: Any) -> Tensor:
    """P / (1 + |Q|) by Horner's rule, with a_0 to a_5 and b_1 to b_4."""
    top, bottom = a[-1], b[-1]
    for coefficient in reversed(a[:-1]):
        top = top * x + coefficient
    for coefficient in reversed(b[:-1]):
        bottom = bottom * x + coefficient
    bottom = bottom * x
    # |Q| with a slope at Q = 0 too, as in the source: else a start at the identity would never learn a denominator.
    return top / (1 + bottom * torch.copysign(torch.ones_like(bottom), bottom))


def _coefficients(start: str) -> tuple[Tensor, Tensor]:
    """a (6,) and b (4,) in float64: for SiLU and GELU those that make P - f (1 + Q) least in the squared mean.

    F is then within 1e-6 of SiLU on [-3, 3], within 1e-3 of GELU. ValueError for a start that does not exist.
    """
    if start not in STARTS:
        raise ValueError(f"start is {start!r}; choose one of {', '.join(STARTS)}")
    if start == "identity":
        return torch.eye(NUMERATOR + 1, dtype=torch.float64)[1], torch.zeros(DENOMINATOR, dtype=torch.float64)
    x = torch.linspace(*FITTED, 1001, dtype=torch.float64, device="cpu")
    f = ACTIVATIONS[start](x)
    powers = torch.stack([x**i for i in range(NUMERATOR + 1)], dim=1)
    system = torch.cat([powers, -f.unsqueeze(1) * powers[:, 1 : DENOMINATOR + 1]], dim=1)
    solution = torch.linalg.lstsq(system, f.unsqueeze(1), driver="gelsd").solution.squeeze(1)
    return solution[: NUMERATOR + 1], solution[NUMERATOR + 1 :]


def second_moment(start: str) -> float:
    """E[F(x)^2] for a standard normal x, by the trapezoidal rule."""
    x = torch.linspace(-12, 12, 4801, dtype=torch.float64, device="cpu")
    a, b = _coefficients(start)
    density = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi)
    return float(torch.trapezoid(density * _rational(x, a.unbind(), b.unbind()).square(), x))


@torch.no_grad()
def _preserve_variance(layer: nn.Linear | nn.Conv2d, start: str) -> None:
    """Normal weights by which standard normal inputs give outputs of variance 1; the bias at 0; nothing on meta."""
    if layer.weight.is_meta:
        return
    layer.weight.normal_(std=1 / math.sqrt(second_moment(start) * layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class RationalLinear(nn.Linear):
    """(..., in_features) -> (..., out_features), with in * out + out + 6 + 4 groups parameters.

    rational_groups: into how many groups the features are cut (see `GroupRational`)
    start: what the rational function starts as: identity, silu or gelu, of which the source takes identity before the
        first and an activation before the second layer of a pair
    bias: whether a learned bias is added

    Raises ValueError for a start that does not exist.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        rational_groups: int = 8,
        start: str = "silu",
        bias: bool = True,
        **place,
    ) -> None:
        self.start = start
        super().__init__(in_features, out_features, bias, **place)
        self.rational = GroupRational(in_features, rational_groups, start, **place)

    def reset_parameters(self) -> None:
        """Start the weight so that it preserves variance behind the start of the rational function."""
        _preserve_variance(self, self.start)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.rational(x))


class RationalConv2d(nn.Conv2d):
    """The same before a convolution with the options of `nn.Conv2d`: (n, in, h, w) -> (n, out, h', w')."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        rational_groups: int = 8,
        start: str = "silu",
        **options,
    ) -> None:
        self.start = start
        super().__init__(in_channels, out_channels, kernel_size, **options)
        place = {name: options[name] for name in ("device", "dtype") if name in options}
        self.rational = GroupRational(in_channels, rational_groups, start, dim=-3, **place)

    def reset_parameters(self) -> None:
        """Start the weight so that it preserves variance behind the start of the rational function."""
        _preserve_variance(self, self.start)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.rational(x))


def family(**options: Any) -> LayerFamily:
    """The family `rationalkan`."""
    return kan_family(RationalLinear, RationalConv2d, **options)
