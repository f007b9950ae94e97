"""Kolmogorov-Arnold layers that stand in for `nn.Linear`, and the switch between layer families."""

from kanpipe.layers.families import family
from kanpipe.layers.kan_linear import KANLinear
from kanpipe.layers.splines import bspline_basis

__all__ = ["KANLinear", "bspline_basis", "family"]
