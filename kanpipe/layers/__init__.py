"""Kolmogorov-Arnold layers that stand in for `nn.Linear` and `nn.Conv2d`, and the switch between layer families."""

from kanpipe.layers.families import family
from kanpipe.layers.fast_kan import FastKANConv2d, FastKANLinear
from kanpipe.layers.faster_kan import FasterKANConv2d, FasterKANLinear
from kanpipe.layers.kan_conv2d import KANConv2d
from kanpipe.layers.kan_linear import KANLinear
from kanpipe.layers.splines import bspline_basis

__all__ = [
    "FastKANConv2d",
    "FastKANLinear",
    "FasterKANConv2d",
    "FasterKANLinear",
    "KANConv2d",
    "KANLinear",
    "bspline_basis",
    "family",
]
