"""What FastKAN and FasterKAN have in common: fixed centres behind a norm of the input."""

from typing import Any

import torch
from torch import nn

from kanpipe.layers.bases import Radial
from kanpipe.layers.kan_conv2d import BasisConv2d
from kanpipe.layers.kan_linear import BasisLinear

Device = torch.device | str | None


class RadialLinear(BasisLinear):
    """(..., in_features) -> (..., out_features); with `layer_norm` the bases see the LayerNorm of x, the base x."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        basis: Radial,
        *,
        layer_norm: bool,
        device: Device,
        dtype: torch.dtype | None,
        **options: Any,
    ) -> None:
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        norm = nn.LayerNorm(in_features, **place) if layer_norm else None
        super().__init__(in_features, out_features, basis, input_norm=norm, **place, **options)


class RadialConv2d(BasisConv2d):
    """The convolution of the same features; the norm is over channels, height and width of an image."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        basis: Radial,
        *,
        layer_norm: bool,
        device: Device,
        dtype: torch.dtype | None,
        **options: Any,
    ) -> None:
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        norm = nn.GroupNorm(1, in_channels, **place) if layer_norm else None
        super().__init__(in_channels, out_channels, kernel_size, basis, input_norm=norm, **place, **options)
