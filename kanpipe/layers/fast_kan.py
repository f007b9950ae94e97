"""FastKAN: Gaussians behind a LayerNorm, on a base with SiLU and bias (arXiv:2405.06721)."""

from torch import nn

from kanpipe.layers.bases import Gaussian, Range
from kanpipe.layers.kan_conv2d import BasisConv2d
from kanpipe.layers.kan_linear import BasisLinear


class FastKANLinear(BasisLinear):
    """(..., in_features) -> (..., out_features); the base sees x, the Gaussians the LayerNorm of x.

    in * out * (centres + 1) + out parameters, and 2 * in of the LayerNorm. The centres are fixed. Other options are
    those of `BasisLinear`. Source: github.com/ZiyaoLi/fast-kan.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        centres: int = 8,
        grid_range: Range = (-2.0, 2.0),
        layer_norm: bool = True,
        bias: bool = True,
        init: str = "fast_kan",
        **options,
    ) -> None:
        norm = nn.LayerNorm(in_features, **factory(options)) if layer_norm else None
        basis = Gaussian(centres, tuple(grid_range))
        super().__init__(in_features, out_features, basis, input_norm=norm, bias=bias, init=init, **options)


class FastKANConv2d(BasisConv2d):
    """The convolution of the same features; the LayerNorm is over channels, height and width of an image."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        centres: int = 8,
        grid_range: Range = (-2.0, 2.0),
        layer_norm: bool = True,
        bias: bool = True,
        init: str = "fast_kan",
        **options,
    ) -> None:
        norm = nn.GroupNorm(1, in_channels, **factory(options)) if layer_norm else None
        basis = Gaussian(centres, tuple(grid_range))
        super().__init__(
            in_channels, out_channels, kernel_size, basis, input_norm=norm, bias=bias, init=init, **options
        )


def factory(options: dict) -> dict:
    """The device and dtype among the options of a layer."""
    return {name: options[name] for name in ("device", "dtype") if name in options}
