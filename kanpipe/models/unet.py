"""The U-Net that predicts the noise in images, for any family of layers.

The layout is that of github.com/ermongroup/ddim (models/diffusion.py) without attention; blocks are named as in
diffusers.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.layers.families import Family

NORM_EPSILON = 1e-6


def timestep_embedding(t: Tensor, features: int) -> Tensor:
    """Sines, then cosines, of times (n,) at frequencies from 1 down to 1e-4: (n, features), `features` even."""
    half = features // 2
    frequencies = torch.exp(-math.log(10000) / (half - 1) * torch.arange(half, device=t.device))
    angles = t.float().unsqueeze(-1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class ResnetBlock2D(nn.Module):
    """norm - SiLU - conv + time, norm - SiLU - dropout - conv, and a 1x1 shortcut where the channels change."""

    def __init__(
        self, family: Family, in_channels: int, out_channels: int, time_features: int, dropout: float, groups: int
    ) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, in_channels, eps=NORM_EPSILON)
        self.conv1 = family.conv2d(in_channels, out_channels, 3, padding=1)
        self.time_emb_proj = family.linear(time_features, out_channels)
        self.norm2 = nn.GroupNorm(groups, out_channels, eps=NORM_EPSILON)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = family.conv2d(out_channels, out_channels, 3, padding=1)
        same = in_channels == out_channels
        self.conv_shortcut = nn.Identity() if same else family.conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Images (n, in_channels, h, w) and embedded times (n, time_features) -> (n, out_channels, h, w)."""
        h = self.conv1(F.silu(self.norm1(x))) + self.time_emb_proj(F.silu(time))[:, :, None, None]
        return self.conv_shortcut(x) + self.conv2(self.dropout(F.silu(self.norm2(h))))


class Downsample2D(nn.Module):
    """An ordinary convolution of stride 2, padded on the right and below; it is ordinary in every family."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> (n, channels, h / 2, w / 2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample2D(nn.Module):
    """Every pixel four times, then a convolution."""

    def __init__(self, family: Family, channels: int) -> None:
        super().__init__()
        self.conv = family.conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> (n, channels, 2 h, 2 w)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class UNet(nn.Module):
    """Predicts the noise in images from the images and the times.

    By default, with `mlp`, it has 23,220,867 parameters; with `kan`, the layers of torch-conv-kan, spline_order 2 and
    grid_size 3 it has 132,531,642. `edge` makes conv_in and conv_out of another family.
    """

    def __init__(
        self,
        family: Family,
        *,
        channels: int = 128,
        multipliers: Sequence[int] = (1, 2, 2, 2),
        blocks: int = 1,
        dropout: float = 0.1,
        image_channels: int = 3,
        groups: int = 32,
        edge: Family | None = None,
    ) -> None:
        super().__init__()
        self.channels, time_features, edge = channels, 4 * channels, edge or family
        widths = [channels * multiplier for multiplier in multipliers]

        def block(in_channels: int, out_channels: int) -> ResnetBlock2D:
            return ResnetBlock2D(family, in_channels, out_channels, time_features, dropout, groups)

        self.time_embedding = nn.Sequential(
            family.linear(channels, time_features), nn.SiLU(), family.linear(time_features, time_features)
        )
        self.conv_in = edge.conv2d(image_channels, channels, 3, padding=1)
        self.down_blocks, skips = _down(block, channels, widths, blocks)
        self.mid_blocks = nn.ModuleList([block(widths[-1], widths[-1]) for _ in range(2)])
        self.up_blocks = _up(block, partial(Upsample2D, family), skips, widths, blocks + 1)
        self.conv_norm_out = nn.GroupNorm(groups, widths[0], eps=NORM_EPSILON)
        self.conv_out = edge.conv2d(widths[0], image_channels, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Images (n, image_channels, h, w), h and w divisible by 2^(levels - 1), and times (n,) -> noise like x."""
        time = self.time_embedding(timestep_embedding(t, self.channels))
        x = self.conv_in(x)
        skips = [x]
        for module in self.down_blocks:
            x = module(x, time) if isinstance(module, ResnetBlock2D) else module(x)
            skips.append(x)
        for module in self.mid_blocks:
            x = module(x, time)
        for module in self.up_blocks:
            x = module(torch.cat([x, skips.pop()], dim=1), time) if isinstance(module, ResnetBlock2D) else module(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


Block = Callable[[int, int], nn.Module]  # (in_channels, out_channels) -> a block


def _down(block: Block, channels: int, widths: Sequence[int], blocks: int) -> tuple[nn.ModuleList, list[int]]:
    """The way down, and the channels of its input and of what each of its modules gives."""
    modules, skips = nn.ModuleList(), [channels]
    for level, width in enumerate(widths):
        for _ in range(blocks):
            modules.append(block(skips[-1], width))
            skips.append(width)
        if level < len(widths) - 1:
            modules.append(Downsample2D(width))
            skips.append(width)
    return modules, skips


def _up(
    block: Block, upsample: Callable[[int], nn.Module], skips: Sequence[int], widths: Sequence[int], blocks: int
) -> nn.ModuleList:
    """The way up; each block takes what stood at its place on the way down besides what comes from below."""
    modules, waiting, current = nn.ModuleList(), list(skips), widths[-1]
    for level, width in reversed(list(enumerate(widths))):
        for _ in range(blocks):
            modules.append(block(current + waiting.pop(), width))
            current = width
        if level:
            modules.append(upsample(width))
    return modules
