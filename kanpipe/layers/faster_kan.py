"""FasterKAN: 1 - tanh^2 behind a LayerNorm, without a base."""

from typing import Any

import torch

from kanpipe.layers.bases import Range, Switch, as_range
from kanpipe.layers.families import LayerFamily, radial_family
from kanpipe.layers.radial import RadialConv2d, RadialLinear


class FasterKANLinear(RadialLinear):
    """(..., in_features) -> (..., out_features) with in * out * centres + 2 * in parameters; the centres are fixed.

    With `published_gradient` the gradient of the input is half the true one, as in the published layer, whose
    forward pass leaves out the factor 1/2 that its backward pass multiplies by; the output is the same.
    Source: github.com/AthanasiosDelis/faster-kan.

    Arguments, all but the features by keyword:

    centres: how many basis functions there are, at least 2
    grid_range: the first and the last centre, in the units of the normalised input
    layer_norm: whether the bases see the normalised input
    published_gradient: halve the gradient of the input, as the published layer does
    base_activation: what the base applies to x: silu, gelu, identity, or None for no base
    scaler: whether a learned factor of every edge multiplies its basis functions
    bias: whether a learned bias is added
    recompute: keep nothing but the input for the backward pass, which computes the features again
    init: the start of the weights, a name in `initialisation.INITIALISATIONS`
    device: where the parameters lie
    dtype: the floating-point type of the parameters

    Raises ValueError for an option that does not exist or does not fit.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        centres: int = 8,
        grid_range: Range = (-1.2, 1.2),
        layer_norm: bool = True,
        published_gradient: bool = False,
        base_activation: str | None = None,
        scaler: bool = False,
        bias: bool = False,
        recompute: bool = False,
        init: str = "faster_kan",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        basis = Switch(centres, as_range(grid_range), 0.5 if published_gradient else 1.0)
        super().__init__(
            in_features,
            out_features,
            basis,
            layer_norm=layer_norm,
            base_activation=base_activation,
            scaler=scaler,
            bias=bias,
            recompute=recompute,
            init=init,
            device=device,
            dtype=dtype,
        )


class FasterKANConv2d(RadialConv2d):
    """The convolution of the same features; the LayerNorm is over channels, height and width of an image.

    Arguments, all but the channels and the kernel by keyword:

    centres: how many basis functions there are, at least 2
    grid_range: the first and the last centre, in the units of the normalised input
    layer_norm: whether the bases see the normalised input
    published_gradient: halve the gradient of the input, as the published layer does
    stride: the step of the kernel, in pixels
    padding: pixels beyond every border, or 'valid' or 'same'
    dilation: the distance of kernel entries, in pixels
    groups: into how many separate groups the channels are cut
    padding_mode: what stands beyond the border (see `BasisConv2d`)
    base_activation: what the base applies to x: silu, gelu, identity, or None for no base
    scaler: whether a learned factor of every edge multiplies its basis functions
    bias: whether a learned bias is added
    recompute: keep nothing but the input for the backward pass, which computes the features again
    init: the start of the weights, a name in `initialisation.INITIALISATIONS`
    device: where the parameters lie
    dtype: the floating-point type of the parameters

    Raises ValueError for an option that does not exist or does not fit.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        centres: int = 8,
        grid_range: Range = (-1.2, 1.2),
        layer_norm: bool = True,
        published_gradient: bool = False,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        padding_mode: str = "zero_features",
        base_activation: str | None = None,
        scaler: bool = False,
        bias: bool = False,
        recompute: bool = False,
        init: str = "faster_kan",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        basis = Switch(centres, as_range(grid_range), 0.5 if published_gradient else 1.0)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            basis,
            layer_norm=layer_norm,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            padding_mode=padding_mode,
            base_activation=base_activation,
            scaler=scaler,
            bias=bias,
            recompute=recompute,
            init=init,
            device=device,
            dtype=dtype,
        )


def family(**options: Any) -> LayerFamily:
    """The family `fasterkan`."""
    return radial_family(FasterKANLinear, FasterKANConv2d, **options)
