"""Kolmogorov-Arnold layers that stand in for `nn.Linear` and `nn.Conv2d`, and the switch between layer families."""

from kanpipe.lazy import names_from

HOMES = {
    "FastKANConv2d": "fast_kan",
    "FastKANLinear": "fast_kan",
    "FasterKANConv2d": "faster_kan",
    "FasterKANLinear": "faster_kan",
    "KANConv2d": "kan_conv2d",
    "KANLinear": "kan_linear",
    "bspline_basis": "splines",
    "family": "families",
}
__all__ = list(HOMES)
__getattr__ = names_from(__name__, HOMES)


def __dir__() -> list[str]:
    return __all__
