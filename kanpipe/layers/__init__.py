"""Kolmogorov-Arnold layers that stand in for `nn.Linear` and `nn.Conv2d`, and the switch between layer families."""

from kanpipe.lazy import names_from

HOMES = {
    "BasisConv2d": "kan_conv2d",
    "BasisLinear": "kan_linear",
    "Chebyshev": "published_bases",
    "FastKANConv2d": "fast_kan",
    "FastKANLinear": "fast_kan",
    "FasterKANConv2d": "faster_kan",
    "FasterKANLinear": "faster_kan",
    "Fourier": "published_bases",
    "KANConv2d": "kan_conv2d",
    "KANLinear": "kan_linear",
    "ReLUBumps": "published_bases",
    "RationalConv2d": "rational",
    "RationalLinear": "rational",
    "Wavelets": "published_bases",
    "bspline_basis": "splines",
    "family": "families",
}
__all__ = list(HOMES)
__getattr__ = names_from(__name__, HOMES)


def __dir__() -> list[str]:
    return __all__
