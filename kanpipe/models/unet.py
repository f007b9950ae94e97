"""The U-Net that predicts the noise in images, for any family of layers.

The layout is that of github.com/ermongroup/ddim (models/diffusion.py) without attention.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.layers.families import Family
from kanpipe.models.unet_blocks import (
    NORM_EPSILON,
    Downsample2D,
    ResnetBlock2D,
    TokenBlock,
    Upsample2D,
    start_small,
)


def timestep_embedding(t: Tensor, features: int) -> Tensor:
    """Sines, then cosines, of times (n,) at frequencies from 1 down to 1e-4: (n, features), `features` even."""
    half = features // 2
    frequencies = torch.exp(-math.log(10000) / (half - 1) * torch.arange(half, device=t.device))
    angles = t.float().unsqueeze(-1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class UNet(nn.Module):
    """Predicts the noise in images from the images and the times.

    By default, with `mlp`, it has 23,220,867 parameters; with `kan`, the layers of torch-conv-kan, spline_order 2 and
    grid_size 3 it has 132,531,642. `conv_in` and `conv_out` are families of their own for the first and the last
    convolution; with `middle` three layers of that family stand on tokens between the two middle blocks. With
    `end_gain` the last convolution of every block and of the net begin so much below a Xavier start. With as many
    `groups` as channels the last GroupNorm is an InstanceNorm, after which the mean of a channel, so the colour of an
    image, can hardly be told. Raises ValueError for channels, groups or a gain that cannot be.
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
        conv_in: Family | None = None,
        conv_out: Family | None = None,
        middle: Family | None = None,
        end_gain: float | None = None,
    ) -> None:
        super().__init__()
        _check(channels, groups, end_gain)
        self.channels, time_features = channels, 4 * channels
        widths = [channels * multiplier for multiplier in multipliers]

        def block(in_channels: int, out_channels: int) -> ResnetBlock2D:
            return ResnetBlock2D(family, in_channels, out_channels, time_features, dropout, groups)

        self.time_embedding = nn.Sequential(
            family.linear(channels, time_features), nn.SiLU(), family.linear(time_features, time_features)
        )
        self.conv_in = (conv_in or family).conv2d(image_channels, channels, 3, padding=1)
        self.down_blocks, skips = _down(block, channels, widths, blocks)
        self.mid_blocks = nn.ModuleList([block(widths[-1], widths[-1]) for _ in range(2)])
        if middle is not None:
            self.mid_blocks.insert(1, TokenBlock(family, middle, widths[-1], time_features, groups))
        self.up_blocks = _up(block, partial(Upsample2D, family), skips, widths, blocks + 1)
        self.conv_norm_out = nn.GroupNorm(groups, widths[0], eps=NORM_EPSILON)
        self.conv_out = (conv_out or family).conv2d(widths[0], image_channels, 3, padding=1)
        if end_gain is not None:
            for end in [
                *(module.conv2 for module in self.modules() if isinstance(module, ResnetBlock2D)),
                self.conv_out,
            ]:
                start_small(end, end_gain)

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


def _check(channels: int, groups: int, end_gain: float | None) -> None:
    if channels < 4 or channels % 2 or channels % groups:
        raise ValueError(f"channels is {channels}; it must be even, at least 4 and divisible by groups, here {groups}")
    if end_gain is not None and not 0 <= end_gain < math.inf:
        raise ValueError(f"end_gain is {end_gain}; it must be finite and not below 0")
