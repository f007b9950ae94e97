"""Importance of edges and the cost of leaving some out, against sums edge by edge."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from kanpipe.layers import FastKANLinear, KANConv2d, KANLinear
from kanpipe.layers.pruning import edge_importance, prune_edges, pruning_costs

EXACT = {"rtol": 1e-9, "atol": 1e-12}  # float64, roots of sums of a thousand squares


@pytest.fixture(params=[(KANLinear, {}), (KANLinear, {"scaler": False, "base_activation": None}), (FastKANLinear, {})])
def layer(request, make):
    kind, options = request.param
    return make(kind, 4, 3, dtype=torch.float64, bias=False, **options)


@pytest.fixture
def x(draw):
    return torch.randn(20, 5, 4, generator=draw, dtype=torch.float64)


def contributions(layer, x):
    """(inputs, out, in): each edge alone, the whole weight of the others at 0."""
    weight = layer.packed_weight().detach()
    features = layer.features(x).flatten(0, -2).detach()
    columns = torch.arange(weight.shape[1]) % layer.in_features
    return torch.stack([(features * (columns == i)) @ weight.T for i in range(layer.in_features)], -1)


def test_importance_is_the_root_mean_square_of_each_edge(layer, x):
    expected = contributions(layer, x).square().mean(0).sqrt()
    torch.testing.assert_close(edge_importance(layer, x), expected, **EXACT)


@pytest.mark.parametrize("keep", [0.0, 0.25, 0.5, 1.0])
def test_pruned_layer_is_the_sum_of_its_most_important_edges(keep, layer, x):
    parts, importance, before = contributions(layer, x), edge_importance(layer, x), layer(x).detach()
    (foretold,) = pruning_costs(layer, x, [keep])
    pruned = prune_edges(layer, x, keep)
    count = round(keep * 12)
    smallest_kept = importance.flatten().sort(descending=True).values[count - 1] if count else torch.inf
    expected = (parts * (importance >= smallest_kept)).sum(-1).view(20, 5, 3)
    torch.testing.assert_close(layer(x), expected, **EXACT)
    error = (expected - before).square().mean().sqrt() / before.square().mean().sqrt()
    assert pruned == foretold
    assert pruned.kept == pytest.approx(count / 12) and pruned.error == pytest.approx(error.item(), rel=1e-9, abs=1e-12)


def test_edges_stay_pruned_in_training_and_for_good(layer, x):
    prune_edges(layer, x, 0.5)
    gone = edge_importance(layer, x) == 0
    assert gone.sum() == 6
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    layer(x).square().sum().backward()
    optimizer.step()
    layer(x)
    assert torch.equal(edge_importance(layer, x) == 0, gone)
    assert prune_edges(layer, x, 1.0) == (0.5, 0.0)
    out = layer(x).detach()
    prune.remove(layer, "weight")
    assert [name for name, _ in layer.named_parameters() if name.startswith("weight")] == ["weight"]
    torch.testing.assert_close(layer(x), out, rtol=0, atol=0)


def test_more_edges_cost_less(layer, x):
    errors = [cost.error for cost in pruning_costs(layer, x, [0.0, 0.5, 1.0])]
    assert errors[0] == pytest.approx(1) and errors[0] > errors[1] > errors[2] == 0


def test_what_has_no_edges_or_data_is_refused(layer, x):
    with pytest.raises(TypeError, match="a fully connected KAN layer, which Linear is not"):
        edge_importance(nn.Linear(4, 3), x)
    with pytest.raises(TypeError, match="which KANConv2d is not"):
        edge_importance(KANConv2d(4, 3, 1), x)
    with pytest.raises(ValueError, match="the inputs must be finite"):
        edge_importance(layer, torch.full((2, 4), torch.inf))
    with pytest.raises(ValueError, match="keep is 2; it must lie between 0 and 1"):
        prune_edges(layer, x, 2)
