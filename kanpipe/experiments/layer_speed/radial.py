"""The layers of FastKAN and FasterKAN as they were published: one tensor of bases, a matmul for each part."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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

    def __init__(self, in_features: int, out_features: int, *, centres: int = 8, layer_norm: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(in_features) if layer_norm else nn.Identity()
        self.register_buffer("centres", torch.linspace(-1.2, 1.2, centres))
        self.spline = nn.Linear(centres * in_features, out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.spline(reflectional_switch(self.norm(x), self.centres).flatten(-2))
