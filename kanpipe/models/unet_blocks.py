"""The blocks of a U-Net, for any family of layers; they are named as in diffusers."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.errors import UserError
from kanpipe.layers.families import Family
from kanpipe.layers.finished import bare

NORM_EPSILON = 1e-6


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


class TokenLayer(nn.Module):
    """A fully connected layer on every pixel's channels, after a LayerNorm, then a depthwise convolution.

    The parts are those of U-KAN (arXiv:2406.02918): LayerNorm - KAN + time, depthwise 3x3 - GroupNorm - SiLU. All but
    the one layer of `tokens` are of the family of the net.
    """

    def __init__(self, family: Family, tokens: Family, channels: int, time_features: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.linear = tokens.linear(channels, channels)
        self.time_emb_proj = family.linear(time_features, channels)
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.depthwise_norm = nn.GroupNorm(groups, channels, eps=NORM_EPSILON)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Images (n, channels, h, w) and embedded times (n, time_features) -> images of the same shape."""
        tokens = self.linear(self.norm(x.permute(0, 2, 3, 1)))  # (n, h, w, channels)
        h = tokens.permute(0, 3, 1, 2) + self.time_emb_proj(F.silu(time))[:, :, None, None]
        return F.silu(self.depthwise_norm(self.depthwise(h)))


class TokenBlock(nn.Module):
    """Three layers on tokens, and a shortcut past all three: what U-KAN has at the bottleneck of its diffusion net.

    It keeps U-KAN's widths apart (320, 512, 320) and its halving of the image between them, since the bottleneck of a
    32 x 32 image has 4 x 4 pixels.
    """

    def __init__(self, family: Family, tokens: Family, channels: int, time_features: int, groups: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TokenLayer(family, tokens, channels, time_features, groups) for _ in range(3))

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Images (n, channels, h, w) and embedded times (n, time_features) -> images of the same shape."""
        h = x
        for layer in self.layers:
            h = layer(h, time)
        return x + h


@torch.no_grad()
def start_small(layer: nn.Module, gain: float) -> None:
    """Give a family's layer a Xavier-uniform start of this gain and the bias 0: its output begins near 0.

    A KAN layer is an ordinary layer on its features, so base and spline weights start alike. Source: `gain=1e-5` at
    the ends of blocks in github.com/CUHK-AIM-Group/U-KAN. Where a norm follows, it undoes the gain: outputs that are
    small against the root of its epsilon (3e-3) are only multiplied by its inverse, larger ones have variance 1 again.
    Raises UserError for a layer without a weight of its own.
    """
    first = bare(layer)
    parameters = dict(first.named_parameters(recurse=False))
    if "weight" not in parameters:
        raise UserError(
            f"end_gain needs layers with a parameter `weight` of their own, which {type(first).__name__} lacks"
        )
    nn.init.xavier_uniform_(parameters["weight"], gain=gain)
    if "bias" in parameters:
        nn.init.zeros_(parameters["bias"])
