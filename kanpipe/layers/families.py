"""One switch between ordinary and Kolmogorov-Arnold layers.

A model asks its family for layers and never names a layer type, so "MLP against KAN" is one word of the
configuration. A new family is one entry of `FAMILIES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from torch import nn

from kanpipe.layers.fast_kan import FastKANConv2d, FastKANLinear
from kanpipe.layers.faster_kan import FasterKANConv2d, FasterKANLinear
from kanpipe.layers.kan_conv2d import KANConv2d
from kanpipe.layers.kan_linear import KANLinear

LINEAR_NORMS: dict[str, Callable[[int], nn.Module]] = {"layer": nn.LayerNorm, "batch": nn.BatchNorm1d}
CONV_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "instance": nn.InstanceNorm2d,
    "instance_affine": partial(nn.InstanceNorm2d, affine=True),
    "batch": nn.BatchNorm2d,
    "layer": partial(nn.GroupNorm, 1),
}
OUTPUT_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"prelu": nn.PReLU, "silu": nn.SiLU, "gelu": nn.GELU}


class Family(Protocol):
    """What a model may ask of a family of layers."""

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        """A layer (..., in_features) -> (..., out_features)."""

    def conv2d(self, in_channels: int, out_channels: int, kernel_size: int, **options: Any) -> nn.Module:
        """A layer (n, in_channels, h, w) -> (n, out_channels, h', w'), with the options of `nn.Conv2d`."""

    def activation(self) -> nn.Module:
        """What stands between two layers."""


class Ordinary:
    """`nn.Linear` and `nn.Conv2d` with ReLU between them."""

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        return nn.Linear(in_features, out_features)

    def conv2d(self, in_channels: int, out_channels: int, kernel_size: int, **options: Any) -> nn.Module:
        return nn.Conv2d(in_channels, out_channels, kernel_size, **options)

    def activation(self) -> nn.Module:
        return nn.ReLU()


@dataclass
class KANFamily:
    """KAN layers with nothing between them, each followed by a norm and an activation where they are named.

    The layers of torch-conv-kan are linear_norm="layer", conv_norm="instance", output_activation="prelu" with
    base_activation="gelu", scaler=False, init="torch_conv_kan". All `options` go to the layers.
    """

    linear_layer: Callable[..., nn.Module]
    conv_layer: Callable[..., nn.Module]
    options: dict[str, Any]
    linear_norm: str | None = None
    conv_norm: str | None = None
    output_activation: str | None = None

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        layer = self.linear_layer(in_features, out_features, **self.options)
        return self._finished(layer, _chosen(LINEAR_NORMS, "linear_norm", self.linear_norm, out_features))

    def conv2d(self, in_channels: int, out_channels: int, kernel_size: int, **options: Any) -> nn.Module:
        layer = self.conv_layer(in_channels, out_channels, kernel_size, **{**self.options, **options})
        return self._finished(layer, _chosen(CONV_NORMS, "conv_norm", self.conv_norm, out_channels))

    def activation(self) -> nn.Module:
        return nn.Identity()

    def _finished(self, layer: nn.Module, norm: list[nn.Module]) -> nn.Module:
        after = norm + _chosen(OUTPUT_ACTIVATIONS, "output_activation", self.output_activation)
        return nn.Sequential(layer, *after) if after else layer


def _chosen(known: dict[str, Callable], option: str, name: str | None, *arguments: int) -> list[nn.Module]:
    """The module called `name`, in a list; none for None. ValueError for a name that is not known."""
    if name is None:
        return []
    if name not in known:
        raise ValueError(f"{option} is {name!r}; choose one of {', '.join(known)}, or None")
    return [known[name](*arguments)]


def _kan(linear_layer: Callable, conv_layer: Callable, **options: Any) -> KANFamily:
    around = {name: options.pop(name, None) for name in ("linear_norm", "conv_norm", "output_activation")}
    return KANFamily(linear_layer, conv_layer, options, **around)


FAMILIES: dict[str, Callable[..., Family]] = {
    "mlp": Ordinary,
    "kan": partial(_kan, KANLinear, KANConv2d),
    "fastkan": partial(_kan, FastKANLinear, FastKANConv2d),
    "fasterkan": partial(_kan, FasterKANLinear, FasterKANConv2d),
}


def family(name: str, **options: Any) -> Family:
    """The family called `name` (mlp, kan, fastkan or fasterkan), its layers made with `options`.

    Raises ValueError for an unknown name.
    """
    if name not in FAMILIES:
        raise ValueError(f"there is no layer family {name!r}; choose one of {', '.join(FAMILIES)}")
    return FAMILIES[name](**options)
