"""One switch between ordinary and Kolmogorov-Arnold layers.

A model asks its family for layers and never names a layer type, so "MLP against KAN" is one word of the
configuration. `registry` says where the families are; the layers of a family are imported when it is asked for, so
that a network depends on no family but its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from torch import Tensor, nn

from kanpipe.layers.finished import FinishedLayer
from kanpipe.layers.registry import maker


class BatchNorm(nn.BatchNorm1d):
    """Normalises the last dimension over all others: (..., features) -> (..., features)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, -2)).view(x.shape) if x.dim() > 2 else super().forward(x)


LINEAR_NORMS: dict[str, Callable[[int], nn.Module]] = {"layer": nn.LayerNorm, "batch": BatchNorm}
CONV_NORMS: dict[str, Callable[[int], nn.Module]] = {
    "instance": nn.InstanceNorm2d,
    "instance_affine": partial(nn.InstanceNorm2d, affine=True),
    "batch": nn.BatchNorm2d,
    "layer": partial(nn.GroupNorm, 1),
}
OUTPUT_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "prelu": nn.PReLU,  # its slope starts at 0.25
    "prelu_from_1": partial(nn.PReLU, init=1.0),  # at the start the identity
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}
INPUT_NORMS = ("layer",)
NONE = "none"  # the name of nothing, with which a configuration takes an option away again


class Family(Protocol):
    """What a model may ask of a family of layers."""

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        """A layer (..., in_features) -> (..., out_features)."""

    def conv2d(self, in_channels: int, out_channels: int, kernel_size: int, **options: Any) -> nn.Module:
        """A layer (n, in_channels, h, w) -> (n, out_channels, h', w'), with the options of `nn.Conv2d`."""

    def activation(self) -> nn.Module:
        """What stands between two layers."""


@dataclass(frozen=True)
class LayerFamily:
    """Layers of one kind, each followed by a norm and an activation where they are named.

    `options` go to every layer, `between` is what stands between two. The layers of torch-conv-kan are linear_norm
    "layer", conv_norm "instance", output_activation "prelu" with base_activation="gelu", scaler=False,
    init="torch_conv_kan". With input_norm "layer" the bases of a KAN layer see the input normalised by a LayerNorm of
    its features, or by a GroupNorm of one group over channels, height and width: neither the colour nor the contrast
    of a channel against the others is lost, as it is to an InstanceNorm. The base sees the input as it is, and with it
    the mean that the norm takes away. Raises ValueError for a name that is not known.
    """

    linear_layer: Callable[..., nn.Module]
    conv_layer: Callable[..., nn.Module]
    between: Callable[[], nn.Module] = nn.Identity
    options: dict[str, Any] = field(default_factory=dict)
    linear_norm: str | None = None
    conv_norm: str | None = None
    output_activation: str | None = None
    input_norm: str | None = None

    def __post_init__(self) -> None:
        _check("linear_norm", self.linear_norm, LINEAR_NORMS)
        _check("conv_norm", self.conv_norm, CONV_NORMS)
        _check("output_activation", self.output_activation, OUTPUT_ACTIVATIONS)
        _check("input_norm", self.input_norm, INPUT_NORMS)

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        before = self._before(nn.LayerNorm, in_features)
        layer = self.linear_layer(in_features, out_features, **before, **self.options)
        return self._finished(layer, LINEAR_NORMS.get(self.linear_norm or NONE), out_features)

    def conv2d(self, in_channels: int, out_channels: int, kernel_size: int, **options: Any) -> nn.Module:
        before = self._before(partial(nn.GroupNorm, 1), in_channels)
        layer = self.conv_layer(in_channels, out_channels, kernel_size, **before, **{**self.options, **options})
        return self._finished(layer, CONV_NORMS.get(self.conv_norm or NONE), out_channels)

    def activation(self) -> nn.Module:
        return self.between()

    def _before(self, norm: Callable[[int], nn.Module], features: int) -> dict[str, nn.Module]:
        return {"input_norm": norm(features)} if self.input_norm in INPUT_NORMS else {}

    def _finished(self, layer: nn.Module, norm: Callable[[int], nn.Module] | None, features: int) -> nn.Module:
        after = [norm(features)] if norm else []
        if activation := OUTPUT_ACTIVATIONS.get(self.output_activation or NONE):
            after.append(activation())
        return FinishedLayer(layer, *after) if after else layer


def _check(option: str, name: str | None, known: Iterable[str]) -> None:
    if name not in (None, NONE, *known):
        raise ValueError(f"{option} is {name!r}; choose one of {', '.join(known)}, {NONE}")


def ordinary(
    linear_norm: str | None = None, conv_norm: str | None = None, output_activation: str | None = None
) -> LayerFamily:
    """The family `mlp`: `nn.Linear` and `nn.Conv2d` with ReLU between them."""
    return LayerFamily(nn.Linear, nn.Conv2d, nn.ReLU, {}, linear_norm, conv_norm, output_activation)


def kan_family(linear_layer: Callable, conv_layer: Callable, **options: Any) -> LayerFamily:
    """Layers with learned functions on their edges, and nothing between them."""
    names = ("linear_norm", "conv_norm", "output_activation", "input_norm")
    around = {name: options.pop(name, None) for name in names}
    return LayerFamily(linear_layer, conv_layer, nn.Identity, options, **around)


def radial_family(
    linear_layer: Callable, conv_layer: Callable, input_norm: str | None = None, **options: Any
) -> LayerFamily:
    """Layers that have the norm of the input themselves, as published, and call it `layer_norm`."""
    _check("input_norm", input_norm, INPUT_NORMS)
    own = {} if input_norm is None else {"layer_norm": input_norm != NONE}
    return kan_family(linear_layer, conv_layer, **options | own)


def family(name: str, **options: Any) -> Family:
    """The family called `name` (see `registry`, or one that is brought), its layers made with `options`.

    Raises ValueError for an unknown name, and TypeError for an option that its layers do not have.
    """
    return maker(name)(**options)
