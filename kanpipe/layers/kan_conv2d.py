"""The convolutional KAN layer."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.layers.bases import Basis
from kanpipe.layers.expansion import Convolution, Expansion
from kanpipe.layers.families import LayerFamily, kan_family
from kanpipe.layers.kan_layer import KANLayer, spline_grid
from kanpipe.layers.kan_linear import KANLinear

PADDING_MODES = ("zero_features", "zeros", "reflect", "replicate", "circular")


class BasisConv2d(KANLayer):
    """A convolution of the features of every pixel, each computed once, for any basis.

    Stride, padding, dilation and groups are those of `nn.Conv2d`. `padding_mode` says what stands beyond the border:
    `zero_features` pads the features with 0, as torch-conv-kan does; all others pad the input, as in `nn.Conv2d`, so
    that with `zeros` the features there are those of the input 0, b(0) and B_j(0). The two differ at borders only.

    Shapes: (n, in, height, width) or (in, height, width), as `nn.Conv2d`. `forward` raises ValueError for another
    number of channels or dimensions and TypeError for a tensor that is not of floating point.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        basis: Basis,
        *,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        padding_mode: str = "zero_features",
        base_activation: str | None = "silu",
        **options,
    ) -> None:
        _check(in_channels, out_channels, groups, padding_mode)
        kernel, stride, dilation = _pair(kernel_size), _pair(stride), _pair(dilation)
        padding = _padding(padding, kernel, dilation, stride)
        product = Convolution(stride, padding if padding_mode == "zero_features" else (0, 0), dilation, groups)
        shape = (out_channels, in_channels // groups, *kernel)
        super().__init__(shape, Expansion(basis, base_activation, -3, groups), product, **options)
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.padding_mode = padding_mode

    def _grid(self) -> Tensor | None:
        if self.grid is None or self.grid.dim() == 1:
            return self.grid
        # (2, in) ends of ranges, or (in, n) knots
        return self.grid[:, :, None, None] if hasattr(self.expansion.basis, "grid_size") else self.grid[:, None, None]

    def basis_input(self, x: Tensor) -> Tensor:
        if self.layernorm is None:
            return x
        if x.dim() == 3:
            return self.layernorm(x.unsqueeze(0)).squeeze(0)
        u = self.layernorm(x)
        # The norm's order under tracing is not the one it has when it runs; that of x is what is joined with it.
        last = x.is_contiguous(memory_format=torch.channels_last)
        return u.contiguous(memory_format=torch.channels_last) if last else u

    def forward(self, x: Tensor) -> Tensor:
        """(n, in, height, width) -> (n, out, height', width')."""
        if x.dim() not in (3, 4) or x.shape[-3] != self.in_channels:
            raise ValueError(f"the input has shape {tuple(x.shape)}; this layer takes (n, {self.in_channels}, h, w)")
        if not x.is_floating_point():
            raise TypeError(f"{type(self).__name__} takes a floating-point tensor, not {x.dtype}")
        if self.padding_mode != "zero_features" and self.padding != (0, 0):
            height, width = self.padding
            mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
            x = F.pad(x, (width, width, height, height), mode=mode)
        if x.device.type != "cpu" or x.dim() != 4:
            return self._forward(x)
        last = torch.channels_last
        if torch.compiler.is_compiling():  # Inductor would else write all features in both orders of memory
            return self._forward(x.contiguous(memory_format=last))
        # Features are made in vectors, which are as long as what lies side by side: the channels of a pixel are few.
        out = self._forward(x.contiguous())
        is_last = x.is_contiguous(memory_format=last) and not x.is_contiguous()
        return out.contiguous(memory_format=last) if is_last else out

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}, groups={self.groups}, "
            f"padding_mode={self.padding_mode!r}, {self._representation()}"
        )


class KANConv2d(BasisConv2d):
    """A convolution whose every kernel entry is a learned function: a base activation plus a B-spline.

    Without scaler and bias it has in * out / groups * kernel height * kernel width * (1 + grid_size + spline_order)
    parameters. For the options of the grid and the start see `KANLinear`, for those of the convolution
    `BasisConv2d`. The layout is that of github.com/IvanDrokin/torch-conv-kan, whose norm and output activation are
    options of the layer family; pass base_activation="gelu" and init="torch_conv_kan" for its defaults.

    Arguments, all but the channels and the kernel by keyword:

    grid_size: how many intervals the grid has
    spline_order: the degree of the splines, at least 1
    grid_range: the ends of the grid, in the units of the input: numbers or tensors (in_channels,)
    knots: (n,) or (in_channels, n), replaces grid_range and grid_size (much slower)
    input_norm: a module through which the bases, and not the base, see x
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
        grid_size: int = 5,
        spline_order: int = 3,
        grid_range: tuple[float, float] | tuple[Tensor, Tensor] = (-1.0, 1.0),
        knots: Tensor | None = None,
        input_norm: nn.Module | None = None,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        padding_mode: str = "zero_features",
        base_activation: str | None = "silu",
        scaler: bool = False,
        bias: bool = False,
        recompute: bool = False,
        init: str = "kaiming",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        basis, grid = spline_grid(in_channels, grid_size, spline_order, grid_range, knots)
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            basis,
            grid=grid,
            input_norm=input_norm,
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


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    first, second = (value, value) if isinstance(value, int) else value
    return first, second


def _padding(padding, kernel_size, dilation, stride) -> tuple[int, int]:
    """The padding as a pair; 'valid' is none, 'same' keeps height and width."""
    if padding == "valid":
        return (0, 0)
    if isinstance(padding, str) and padding != "same":
        raise ValueError(f"padding is {padding!r}; give 'valid', 'same' or numbers")
    if padding != "same":
        return _pair(padding)
    totals = [d * (k - 1) for k, d in zip(kernel_size, dilation, strict=True)]
    if stride != (1, 1) or any(total % 2 for total in totals):
        raise ValueError("padding='same' needs stride 1 and a kernel of odd extent; give the padding as numbers")
    return totals[0] // 2, totals[1] // 2


def _check(in_channels: int, out_channels: int, groups: int, padding_mode: str) -> None:
    if groups < 1 or in_channels % groups or out_channels % groups:
        raise ValueError(f"groups is {groups}; it must divide {in_channels} and {out_channels} channels")
    if padding_mode not in PADDING_MODES:
        raise ValueError(f"padding_mode is {padding_mode!r}; choose one of {', '.join(PADDING_MODES)}")


def family(**options: Any) -> LayerFamily:
    """The family `kan`."""
    return kan_family(KANLinear, KANConv2d, **options)
