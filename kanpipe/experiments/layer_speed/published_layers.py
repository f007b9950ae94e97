"""The layers of others as they were published: what is timed, so their algorithms stay as slow as they are.

B-splines by the recursion of Cox and de Boor on tensors of knots, and the Gaussians of FastKAN and the switches of
FasterKAN as one tensor of bases, each with one matmul or convolution for every part.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.layers.families import LayerFamily

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"silu": F.silu, "gelu": F.gelu}


def cox_de_boor(x: Tensor, knots: Tensor, spline_order: int) -> Tensor:
    """All bases of the order at x, (..., in) -> (..., in, n - spline_order - 1), for knots (in, n).

    B_{j,0} = 1 on [t_j, t_{j+1}), and
    B_{j,p} = (x - t_j) / (t_{j+p} - t_j) B_{j,p-1} + (t_{j+p+1} - x) / (t_{j+p+1} - t_{j+1}) B_{j+1,p-1}.
    """
    x = x.unsqueeze(-1)
    bases = ((x >= knots[:, :-1]) & (x < knots[:, 1:])).to(x.dtype)
    for p in range(1, spline_order + 1):
        rising = (x - knots[:, : -(p + 1)]) / (knots[:, p:-1] - knots[:, : -(p + 1)])
        falling = (knots[:, p + 1 :] - x) / (knots[:, p + 1 :] - knots[:, 1:-p])
        bases = rising * bases[..., :-1] + falling * bases[..., 1:]
    return bases


def uniform_knots(features: int, grid_size: int, spline_order: int) -> Tensor:
    """(features, grid_size + 2 spline_order + 1): uniform over [-1, 1] and spline_order steps beyond."""
    steps = torch.arange(-spline_order, grid_size + spline_order + 1, dtype=torch.float32)
    return (steps * (2 / grid_size) - 1).expand(features, -1).contiguous()


class CoxDeBoorLinear(nn.Module):
    """The algorithm of github.com/Blealtan/efficient-kan: (..., in_features) -> (..., out_features).

    y = W_base SiLU(x) + (scaler * coefficients) B(x), with one matmul for either part and the product of scaler and
    coefficients formed in every forward pass. Parameters: in * out * (grid_size + spline_order + 2). With
    scaler=False, in * out parameters fewer, it is the algorithm of github.com/IvanDrokin/torch-conv-kan.
    """

    knots: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        grid_size: int = 5,
        spline_order: int = 3,
        base_activation: str = "silu",
        scaler: bool = True,
    ) -> None:
        super().__init__()
        self.spline_order, self.base_activation = spline_order, ACTIVATIONS[base_activation]
        self.register_buffer("knots", uniform_knots(in_features, grid_size, spline_order))
        self.base_weight = nn.Parameter(torch.empty(out_features, in_features))
        self.spline_scaler = nn.Parameter(torch.empty(out_features, in_features)) if scaler else None
        self.spline_weight = nn.Parameter(torch.randn(out_features, in_features, grid_size + spline_order) * 0.1)
        for weight in (self.base_weight, self.spline_scaler):
            if weight is not None:
                nn.init.kaiming_uniform_(weight, a=math.sqrt(5))

    def forward(self, x: Tensor) -> Tensor:
        scaler = self.spline_scaler
        weight = self.spline_weight if scaler is None else self.spline_weight * scaler.unsqueeze(-1)
        bases = cox_de_boor(x, self.knots, self.spline_order).flatten(-2)
        return F.linear(self.base_activation(x), self.base_weight) + F.linear(bases, weight.flatten(1))


class CoxDeBoorConv2d(nn.Module):
    """The convolution of github.com/IvanDrokin/torch-conv-kan without its normalisation and output activation.

    The bases of every pixel become channels; one convolution takes them and another the activated input. Bases are 0
    in the padding. Shapes: (n, in, h, w) -> (n, out, h', w').
    """

    knots: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        padding: int = 0,
        grid_size: int = 5,
        spline_order: int = 3,
        base_activation: str = "silu",
    ) -> None:
        super().__init__()
        self.spline_order, self.base_activation = spline_order, ACTIVATIONS[base_activation]
        self.register_buffer("knots", uniform_knots(1, grid_size, spline_order))
        bases = grid_size + spline_order
        self.base = nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, bias=False)
        self.spline = nn.Conv2d(bases * in_channels, out_channels, kernel_size, padding=padding, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        bases = cox_de_boor(x.unsqueeze(-1), self.knots, self.spline_order).squeeze(-2)  # (n, in, h, w, bases)
        return self.base(self.base_activation(x)) + self.spline(bases.movedim(-1, 2).flatten(1, 2))


def torch_conv_kan(
    *,
    grid_size: int = 5,
    spline_order: int = 3,
    base_activation: Literal["silu", "gelu"] = "gelu",
    linear_norm: str | None = "layer",
    conv_norm: str | None = "instance",
    output_activation: str | None = "prelu",
) -> LayerFamily:
    """The family of the layers of github.com/IvanDrokin/torch-conv-kan, each with its norm and activation behind it."""
    spline = {"grid_size": grid_size, "spline_order": spline_order, "base_activation": base_activation}
    linear = partial(CoxDeBoorLinear, scaler=False)
    return LayerFamily(linear, CoxDeBoorConv2d, nn.Identity, spline, linear_norm, conv_norm, output_activation)


def gaussian(x: Tensor, centres: Tensor) -> Tensor:
    """exp(-((x - c) / h)^2) at all centres c of distance h: (...) -> (..., centres)."""
    return torch.exp(-(((x.unsqueeze(-1) - centres) / (centres[1] - centres[0])) ** 2))


def reflectional_switch(x: Tensor, centres: Tensor) -> Tensor:
    """1 - tanh(x - c)^2 at all centres: (...) -> (..., centres)."""
    return _ReflectionalSwitch.apply(x, centres)


class _ReflectionalSwitch(torch.autograd.Function):
    """With the backward pass written by hand, as published, but for the published factor 1/2 in its result."""

    @staticmethod
    def forward(ctx, x: Tensor, centres: Tensor) -> Tensor:
        height = torch.tanh(x.unsqueeze(-1) - centres)
        ctx.save_for_backward(height)
        return 1 - height**2

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        (height,) = ctx.saved_tensors
        return (-2 * height * (1 - height**2) * grad).sum(-1), None


class FastKANLayer(nn.Module):
    """github.com/ZiyaoLi/fast-kan: (..., in_features) -> (..., out_features).

    y = W_spline exp(-((LayerNorm(x) - c) / h)^2) + W_base SiLU(x) + bias, the norm left out on demand, as the source
    did when it timed the layer.
    """

    centres: Tensor

    def __init__(self, in_features: int, out_features: int, *, centres: int = 8, layer_norm: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(in_features) if layer_norm else nn.Identity()
        self.register_buffer("centres", torch.linspace(-2, 2, centres))
        self.spline = nn.Linear(centres * in_features, out_features, bias=False)
        self.base = nn.Linear(in_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.spline(gaussian(self.norm(x), self.centres).flatten(-2)) + self.base(F.silu(x))


class FasterKANLayer(nn.Module):
    """github.com/AthanasiosDelis/faster-kan: y = W (1 - tanh(LayerNorm(x) - c)^2), without a base branch."""

    centres: Tensor

    def __init__(self, in_features: int, out_features: int, *, centres: int = 8, layer_norm: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(in_features) if layer_norm else nn.Identity()
        self.register_buffer("centres", torch.linspace(-1.2, 1.2, centres))
        self.spline = nn.Linear(centres * in_features, out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.spline(reflectional_switch(self.norm(x), self.centres).flatten(-2))
