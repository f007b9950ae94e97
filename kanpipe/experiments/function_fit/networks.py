"""The two kinds of networks, small and in float64, with the parts of their forward pass that training needs apart."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.experiments.function_fit.local_splines import EdgeFunctions
from kanpipe.layers.kan_linear import KANLinear
from kanpipe.layers.splines import UniformSpline

ACTIVATIONS = {"silu": nn.SiLU, "tanh": nn.Tanh, "relu": nn.ReLU}


class KAN(nn.Module):
    """A KAN as pykan 0.0 makes it: each edge with a scale for its SiLU and one for its spline, each node with a bias.

    Every input of a layer has a range of its own, [-1, 1] at first. The layers are `KANLinear`s; the forward pass goes
    through `local_splines`, which gives the same values faster.
    """

    def __init__(self, widths: Sequence[int], grid_size: int, spline_order: int = 3) -> None:
        super().__init__()
        options: dict[str, Any] = {"grid_size": grid_size, "spline_order": spline_order, "bias": True, "init": "pykan"}
        self.layers = nn.ModuleList(
            KANLinear(n, m, grid_range=(-torch.ones(n), torch.ones(n)), dtype=torch.float64, **options)
            for n, m in pairwise(widths)
        )

    @property
    def grid_size(self) -> int:
        return cast(UniformSpline, self.kan_layers[0].basis).grid_size

    @property
    def kan_layers(self) -> list[KANLinear]:
        """The layers, as what they are."""
        return [cast(KANLinear, layer) for layer in self.layers]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.kan_layers:
            x = EdgeFunctions(layer)(x).sum(1) + _bias(layer)
        return x


class KANOnPoints:
    """A KAN on points that stay the same: what depends on points and grids alone is computed once."""

    def __init__(self, network: KAN, x: Tensor) -> None:
        self.first, *self.others = network.kan_layers
        self.edges = [EdgeFunctions(layer) for layer in self.others]
        with torch.no_grad():
            self.features = self.first.features(x)  # (n, parts * in)
            self.by_input = self.features.unflatten(1, (self.first.expansion.parts, -1)).movedim(2, 0).contiguous()

    def output(self) -> Tensor:
        """(n, outputs)."""
        x = F.linear(self.features, self.first.packed_weight(), self.first.bias)
        for layer, edges in zip(self.others, self.edges, strict=True):
            x = edges(x).sum(1) + _bias(layer)
        return x

    def output_and_penalty(self, entropy: float) -> tuple[Tensor, Tensor]:
        """The output, and pykan's measure of how many edges are in use.

        Of every layer the mean |value| of each edge, summed, plus `entropy` times the entropy (in bits) of their
        shares (arXiv:2404.19756, equations 2.17 to 2.20).
        """
        weight = self.first.packed_weight().unflatten(1, (self.first.expansion.parts, -1)).permute(2, 1, 0)
        values = (self.by_input @ weight).movedim(0, 1)  # (n, in, out)
        penalty = _edges_in_use(values, entropy)
        x = values.sum(1) + _bias(self.first)
        for layer, edges in zip(self.others, self.edges, strict=True):
            values = edges(x)
            penalty = penalty + _edges_in_use(values, entropy)
            x = values.sum(1) + _bias(layer)
        return x, penalty


def _bias(layer: KANLinear) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def _edges_in_use(edges: Tensor, entropy: float) -> Tensor:
    size = edges.abs().mean(0)
    share = size / size.sum()
    return size.sum() - entropy * (share * torch.log2(share + 1e-4)).sum()


class MLP(nn.Sequential):
    """Ordinary layers with an activation (silu, tanh or relu) between them, with PyTorch's own start."""

    def __init__(self, widths: Sequence[int], activation: str) -> None:
        layers: list[nn.Module] = []
        for n, m in pairwise(widths):
            layers += [nn.Linear(n, m, dtype=torch.float64), ACTIVATIONS[activation]()]
        super().__init__(*layers[:-1])
