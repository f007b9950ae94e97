"""What is timed: each contender is a family of layers, so every network is built in one way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from kanpipe.experiments.layer_speed.config import Added, Setup
from kanpipe.experiments.layer_speed.published_layers import (
    CoxDeBoorConv2d,
    CoxDeBoorLinear,
    FasterKANLayer,
    FastKANLayer,
)
from kanpipe.layers.families import Family, LayerFamily, family, ordinary
from kanpipe.layers.fast_kan import FastKANConv2d, FastKANLinear
from kanpipe.layers.faster_kan import FasterKANConv2d, FasterKANLinear
from kanpipe.layers.kan_conv2d import KANConv2d
from kanpipe.layers.kan_linear import KANLinear

NONE_ADDED: Mapping[str, Added] = MappingProxyType({})


@dataclass(frozen=True)
class Published:
    """Layers as published; there may be no convolution."""

    linear_layer: Callable[..., nn.Module]
    conv_layer: Callable[..., nn.Module] | None
    options: dict[str, Any]

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        return self.linear_layer(in_features, out_features, **self.options)

    def conv2d(self, in_channels: int, out_channels: int, kernel_size: int, **options: Any) -> nn.Module:
        assert self.conv_layer is not None, "see `exists`"
        return self.conv_layer(in_channels, out_channels, kernel_size, **options, **self.options)

    def activation(self) -> nn.Module:
        return nn.Identity()


class Copies(nn.Module):
    """Stands in for the expansion into bases, as cheaply as can be: copies of x along dimension 1."""

    def __init__(self, copies: int) -> None:
        super().__init__()
        self.copies = copies

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x] * self.copies, dim=1)


class Floor:
    """One matmul or convolution of as many inputs as a KAN layer has features, whose making costs nothing."""

    def __init__(self, features: int) -> None:
        self.features = features

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        return nn.Linear(self.features * in_features, out_features, bias=False)

    def conv2d(self, in_channels: int, out_channels: int, kernel_size: int, **options: Any) -> nn.Module:
        return nn.Conv2d(self.features * in_channels, out_channels, kernel_size, bias=False, **options)

    def activation(self) -> nn.Module:
        return Copies(self.features)


def contender(name: str, setup: Setup, added: Mapping[str, Added] = NONE_ADDED) -> Family:
    """The family of layers called `name`, with as many basis functions a feature as the set-up asks for.

    One of `added` has the options that it is configured with.
    """
    if name in added:
        return family(added[name].family, **added[name].options)
    bases, order = setup.bases, setup.spline_order
    spline = {"grid_size": bases - order, "spline_order": order}
    radial = {"centres": bases, "layer_norm": setup.layer_norm}
    match name:
        case "floor":
            return Floor(bases + 1)
        case "cox_de_boor":
            return Published(CoxDeBoorLinear, CoxDeBoorConv2d, spline)
        case "fastkan_published":
            return Published(FastKANLayer, None, radial)
        case "fasterkan_published":
            return Published(FasterKANLayer, None, radial)
        case "kan" | "kan_recompute" | "kan_scaler":
            own = {"recompute": name == "kan_recompute", "scaler": name == "kan_scaler"}
            return LayerFamily(KANLinear, KANConv2d, options=spline | own)
        case "fastkan":
            return LayerFamily(FastKANLinear, FastKANConv2d, options=radial)
        case "fasterkan":
            return LayerFamily(FasterKANLinear, FasterKANConv2d, options=radial)
        case "mlp":
            return ordinary()
        case _:
            raise ValueError(f"there is no contender {name!r}")


def exists(name: str, setup: Setup, added: Mapping[str, Added] = NONE_ADDED) -> bool:
    """Whether the contender has a layer of the kind that the set-up asks for."""
    chosen = contender(name, setup, added)
    has_convolution = hasattr(chosen, "conv2d") and getattr(chosen, "conv_layer", contender) is not None
    return setup.kernel_size is None or has_convolution


def network(name: str, setup: Setup, added: Mapping[str, Added] = NONE_ADDED) -> nn.Module:
    """The layers of the set-up with the contender's activation between them."""
    layers, chosen = [], contender(name, setup, added)
    for fan_in, fan_out in pairwise(setup.widths):
        layers += [chosen.activation(), _layer(chosen, fan_in, fan_out, setup)]
    return nn.Sequential(*layers[1:])


def _layer(chosen: Family, fan_in: int, fan_out: int, setup: Setup) -> nn.Module:
    if setup.kernel_size is None:
        return chosen.linear(fan_in, fan_out)
    return chosen.conv2d(fan_in, fan_out, setup.kernel_size, padding=setup.kernel_size // 2)


def multiply_adds(name: str, setup: Setup) -> int:
    """Of the matmuls or convolutions of a contender's forward pass."""
    without_base = setup.bases
    inputs = {"mlp": 1, "fasterkan": without_base, "fasterkan_published": without_base}
    features = inputs.get(name, without_base + 1)
    pixels = (setup.size * setup.kernel_size) ** 2 if setup.kernel_size and setup.size else 1
    return setup.batch * pixels * features * sum(i * o for i, o in pairwise(setup.widths))


def input_shape(name: str, setup: Setup) -> tuple[int, ...]:
    """(batch, features) or (batch, channels, size, size); the floor takes its features ready-made."""
    copies = setup.bases + 1 if name == "floor" else 1
    image = (setup.size, setup.size) if setup.kernel_size else ()
    return (setup.batch, copies * setup.widths[0], *image)
