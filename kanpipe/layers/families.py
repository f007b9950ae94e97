"""One switch between ordinary and Kolmogorov-Arnold layers.

A model asks its family for layers and never names a layer type, so "MLP against KAN" is one word of the
configuration. A new family is one class here and one name in `FAMILIES`.
"""

from typing import Any, Protocol

from torch import nn

from kanpipe.layers.kan_linear import KANLinear


class Family(Protocol):
    """What a model may ask of a family of layers."""

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        """A layer (..., in_features) -> (..., out_features)."""

    def activation(self) -> nn.Module:
        """What stands between two layers."""


class Ordinary:
    """`nn.Linear` layers with ReLU between them."""

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        return nn.Linear(in_features, out_features)

    def activation(self) -> nn.Module:
        return nn.ReLU()


class BSplineKAN:
    """B-spline KAN layers with nothing between them; the options are those of `KANLinear`."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def linear(self, in_features: int, out_features: int) -> nn.Module:
        return KANLinear(in_features, out_features, **self.options)

    def activation(self) -> nn.Module:
        return nn.Identity()


FAMILIES: dict[str, type[Family]] = {"mlp": Ordinary, "kan": BSplineKAN}


def family(name: str, **options: Any) -> Family:
    """The family called `name` (`mlp` or `kan`), its layers made with `options`; ValueError for an unknown name."""
    if name not in FAMILIES:
        raise ValueError(f"there is no layer family {name!r}; choose one of {', '.join(FAMILIES)}")
    return FAMILIES[name](**options)
