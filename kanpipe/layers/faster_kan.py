"""FasterKAN: 1 - tanh^2 behind a LayerNorm, without a base."""

from torch import nn

from kanpipe.layers.bases import Range, Switch
from kanpipe.layers.fast_kan import factory
from kanpipe.layers.kan_conv2d import BasisConv2d
from kanpipe.layers.kan_linear import BasisLinear


class FasterKANLinear(BasisLinear):
    """(..., in_features) -> (..., out_features) with in * out * centres + 2 * in parameters; the centres are fixed.

    With `published_gradient` the gradient of the input is half the true one, as in the published layer, whose
    forward pass leaves out the factor 1/2 that its backward pass multiplies by; the output is the same. Other
    options are those of `BasisLinear`. Source: github.com/AthanasiosDelis/faster-kan.
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
        init: str = "faster_kan",
        **options,
    ) -> None:
        norm = nn.LayerNorm(in_features, **factory(options)) if layer_norm else None
        basis = _switch(centres, grid_range, published_gradient)
        options |= {"input_norm": norm, "base_activation": base_activation, "init": init}
        super().__init__(in_features, out_features, basis, **options)


class FasterKANConv2d(BasisConv2d):
    """The convolution of the same features; the LayerNorm is over channels, height and width of an image."""

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
        base_activation: str | None = None,
        init: str = "faster_kan",
        **options,
    ) -> None:
        norm = nn.GroupNorm(1, in_channels, **factory(options)) if layer_norm else None
        basis = _switch(centres, grid_range, published_gradient)
        options |= {"input_norm": norm, "base_activation": base_activation, "init": init}
        super().__init__(in_channels, out_channels, kernel_size, basis, **options)


def _switch(centres: int, grid_range: Range, published_gradient: bool) -> Switch:
    return Switch(centres, tuple(grid_range), 0.5 if published_gradient else 1.0)
