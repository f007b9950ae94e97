"""The blocks of the convolutional classifiers; all keep height and width unless they say otherwise."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _conv_norm(in_channels: int, out_channels: int, kernel_size: int = 3, *, bias: bool) -> list[nn.Module]:
    convolution = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias)
    return [convolution, nn.BatchNorm2d(out_channels)]


class ShortcutBlock(nn.Module):
    """conv - norm - ReLU - conv - norm, added to a normalised 1x1 convolution, then ReLU (arXiv:1512.03385)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.shortcut = nn.Sequential(*_conv_norm(in_channels, out_channels, 1, bias=False))
        self.first = nn.Sequential(*_conv_norm(in_channels, out_channels, bias=False))
        self.second = nn.Sequential(*_conv_norm(out_channels, out_channels, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) -> (n, out_channels, h, w)."""
        shortcut = self.shortcut(x)
        return F.relu(self.second(F.relu(self.first(x))) + shortcut)


class ProjectedBlock(nn.Module):
    """Three times conv - norm as a projection, and conv - norm - ReLU - conv - norm added to it, then ReLU.

    The report prints the order of the layers, not where the sum starts: three that project and two that are added is
    the reading in which the second ReLU follows a sum, as in a residual block. Others have the same parameters.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        widths = [in_channels, out_channels, out_channels]
        self.projection = nn.Sequential(*(m for width in widths for m in _conv_norm(width, out_channels, bias=True)))
        first, second = (_conv_norm(out_channels, out_channels, bias=True) for _ in range(2))
        self.body = nn.Sequential(*first, nn.ReLU(), *second)
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) -> (n, out_channels, h, w)."""
        projected = self.projection(x)
        return self.activation(projected + self.body(projected))


class SqueezeExcitation(nn.Module):
    """Every channel times a gate in (0, 1) that is made of the means of all channels (arXiv:1709.01507)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        narrow = channels // reduction
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.gate = nn.Sequential(
            nn.Linear(channels, narrow, bias=False), nn.ReLU(), nn.Linear(narrow, channels, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> the same shape."""
        return x * self.gate(self.pool(x).flatten(1))[:, :, None, None]


class DepthwiseSeparableConv(nn.Module):
    """A 3x3 convolution of every channel by itself, then a 1x1 convolution of all (arXiv:1610.02357)."""

    def __init__(self, in_channels: int, out_channels: int, padding: int = 0) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, 3, padding=padding, groups=in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) -> (n, out_channels, h', w'), smaller by two without padding."""
        return self.pointwise(self.depthwise(x))


class SelfAttention(nn.Module):
    """x + gamma * attention of every pixel to all, gamma starting at 0 (arXiv:1805.08318)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1)
        self.key = nn.Conv2d(channels, channels // 8, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> the same shape."""
        query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))
        attention = (query.transpose(1, 2) @ key).softmax(dim=-1)  # (n, pixels, pixels), rows sum to 1
        return x + self.gamma * (value @ attention.transpose(1, 2)).view_as(x)
