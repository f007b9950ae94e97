"""Which edges of a layer matter on data, and what it costs to take the others away.

An edge is one learned function of one input, for one output. Its importance is the root mean square of what it adds to
its output on given inputs, so an edge of importance 0 can go at no cost. Edges are pruned by a mask on the weight
(`torch.nn.utils.prune`): training goes on with the others, and `prune.remove(layer, "weight")` makes it final.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils import prune

from kanpipe.layers.kan_linear import BasisLinear


class Pruned(NamedTuple):
    """The share of edges that are left, and the root mean square of what the outputs lose, over that of the outputs."""

    kept: float
    error: float


@torch.no_grad()
def edge_importance(layer: BasisLinear, x: Tensor) -> Tensor:
    """(out_features, in_features): the root mean square of each edge's contribution over the inputs.

    Shape of the inputs: (..., in_features). No tensor of (inputs, out, in) is made. Raises TypeError for a layer that
    is not fully connected, and ValueError for inputs that are empty or not finite.
    """
    if not isinstance(layer, BasisLinear):
        raise TypeError(f"edges are those of a fully connected KAN layer, which {type(layer).__name__} is not")
    if x.numel() == 0 or not x.isfinite().all():
        raise ValueError("the inputs must be finite, and at least one")
    return mean_squares(layer, x).sqrt().to(layer.weight.dtype)


@torch.no_grad()
def mean_squares(layer: BasisLinear, x: Tensor, is_centred: bool = False) -> Tensor:
    """(out_features, in_features), float64: those of each edge's contribution over the inputs, or its variance."""
    features = layer.features(x).flatten(0, -2).double().unflatten(-1, (-1, layer.in_features))  # (n, parts, in)
    if is_centred:
        features = features - features.mean(0)
    moments = torch.einsum("npi,nqi->ipq", features, features) / len(features)
    weight = layer.packed_weight().double().unflatten(1, (-1, layer.in_features))  # (out, parts, in)
    return torch.einsum("opi,ipq,oqi->oi", weight, moments, weight).clamp_min(0)


def prune_edges(layer: BasisLinear, x: Tensor, keep: float) -> Pruned:
    """Mask the least important edges on the inputs x, so that about the share `keep` of all is left; what it costs.

    Edges that are pruned already stay so. Raises ValueError for a share that does not lie in [0, 1], else as
    `edge_importance`.
    """
    return _prune(layer, x, _mask(edge_importance(layer, x), keep))


def pruning_costs(layer: BasisLinear, x: Tensor, shares: Sequence[float]) -> list[Pruned]:
    """What `prune_edges` would cost for each of the shares, with the layer left as it is."""
    importance = edge_importance(layer, x)
    return [_cost(layer, x, _mask(importance, keep)) for keep in shares]


def _mask(importance: Tensor, keep: float) -> Tensor:
    """(out, in): whether an edge is among the share `keep` of the most important ones and adds anything."""
    if not 0 <= keep <= 1:
        raise ValueError(f"keep is {keep}; it must lie between 0 and 1")
    order = importance.flatten().argsort(descending=True, stable=True)
    mask = torch.zeros_like(importance, dtype=torch.bool)
    mask.view(-1)[order[: round(keep * len(order))]] = True
    return mask & (importance > 0)


def _prune(layer: BasisLinear, x: Tensor, mask: Tensor) -> Pruned:
    cost = _cost(layer, x, mask)
    prune.custom_from_mask(layer, "weight", _of_weight(layer, mask))
    return cost


@torch.no_grad()
def _cost(layer: BasisLinear, x: Tensor, mask: Tensor) -> Pruned:
    """Of the edges outside the mask, by one product with their weights alone."""
    dropped = layer.packed_weight() * (1 - _of_weight(layer, mask))
    change = layer.product.forward(layer.features(x).to(dropped.dtype), dropped)
    error = change.double().square().mean().sqrt() / layer(x).double().square().mean().sqrt()
    return Pruned(mask.double().mean().item(), error.item())


def _of_weight(layer: BasisLinear, mask: Tensor) -> Tensor:
    """The mask of edges (out, in) as one of the weight (out, parts * in), 0 and 1."""
    return mask.to(layer.weight.dtype).repeat(1, layer.expansion.parts)
