"""Edges that are read: known functions are named, shares are those of the variance, and figures show what was read."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import nn

from kanpipe.layers import FastKANLinear, KANLinear
from kanpipe.layers.families import family as family_of
from kanpipe.plots import fitted, plot_edges, read_edges, suggest

X = np.linspace(-1, 1, 201)
KNOWN = {
    "linear": 2 - 3 * X,
    "square": 4 * (X - 0.3) ** 2 - 1,
    "sin": 0.5 * np.sin(3.1 * X + 0.4),
    "exp": np.exp(1.5 * X) - 2,
    "cube": (X + 0.2) ** 3,
    "tanh": np.tanh(4 * X - 1),
    "bell": np.exp(-((3 * X) ** 2)),
    "zero": np.full_like(X, 0.7),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_function_is_named(name):
    found = suggest(10 * X + 3, KNOWN[name])
    assert found.name == name
    assert found.r_squared > 0.99999


@pytest.mark.parametrize(("factor", "last"), [(1, 1), (np.pi, 0.5)], ids=["printed", "pykan's"])
def test_composition_of_the_toy_function_is_named_over_its_inputs(factor, last):
    """At errors of a thousandth of the range of each edge, as networks of grid size 10 have them."""
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (400, 4))
    inner = x[:, ::2] ** 2 + x[:, 1::2] ** 2
    outer = np.sin(factor * inner).sum(axis=1)
    edges = {"square": (x[:, 0], x[:, 0] ** 2), "sin": (inner[:, 0], np.sin(factor * inner[:, 0]))}
    for name, (s, y) in (edges | {"exp": (outer, np.exp(last * outer))}).items():
        found = suggest(s, y + 1e-3 * np.ptp(y) * generator.standard_normal(len(y)))
        assert found.name == name and found.r_squared > 0.9999


def test_r_squared_is_the_share_that_is_explained():
    y = np.sin(7 * X)
    found = fitted(X, y, "linear")
    assert found.r_squared == pytest.approx(np.corrcoef(X, y)[0, 1] ** 2)
    assert np.polyfit(X, found.values, 1) == pytest.approx(np.polyfit(X, y, 1))


@pytest.mark.parametrize(
    ("y", "nearest"),
    [
        (np.exp(-X) * np.sin(9 * X), "sin"),
        (np.exp(-((6 * (X - 0.5)) ** 2)) + 0.5 * np.exp(-((6 * (X + 0.5)) ** 2)), "bell"),
    ],
    ids=["damped sine", "two bumps"],
)
def test_what_no_shape_fits_is_not_named(y, nearest):
    found, best = suggest(X, y), fitted(X, y, nearest)
    assert found.name == "none" and fitted(X, y, "linear").r_squared < 0.5
    assert found.r_squared == pytest.approx(best.r_squared) and 0.5 < found.r_squared < 0.9


def test_simpler_shape_that_explains_much_less_is_not_named():
    """Of a sine with a third harmonic a sine explains 97 %, and a line three quarters."""
    y = np.sin(3 * X) + 0.2 * np.sin(9 * X)
    found = suggest(X, y)
    assert found.name == "sin" and found.r_squared == pytest.approx(0.97, abs=0.01)
    assert fitted(X, y, "linear").r_squared == pytest.approx(0.73, abs=0.03)


def with_functions(draw) -> KANLinear:
    """A layer of two inputs whose edges are a square and a sine, by least squares."""
    layer = KANLinear(2, 1, grid_size=20, dtype=torch.float64, base_activation=None, scaler=False)
    points = torch.linspace(-1, 1, 400, dtype=torch.float64)
    features = layer.features(points.unsqueeze(-1).expand(-1, 2)).unflatten(1, (-1, 2))  # (n, bases, in)
    for i, function in enumerate((torch.square, lambda x: torch.sin(3 * x))):
        with torch.no_grad():
            layer.spline_weight[0, i] = torch.linalg.lstsq(features[:, :, i], function(points).unsqueeze(1))[0][:, 0]
    return layer


@pytest.mark.parametrize(("family", "knots"), [("relukan", [0.2, 0.4, 0.6, 0.8]), ("fourierkan", []), ("chebykan", [])])
def test_ticks_stand_where_functions_do(family, knots):
    layer = family_of(family).linear(1, 1)
    (edge,) = read_edges(layer, torch.linspace(0, 1, 100).unsqueeze(1))
    assert edge.knots == pytest.approx(knots)


def test_function_that_is_not_finite_is_not_named():
    assert suggest(np.arange(3.0), np.array([0.0, np.nan, 1.0])).name == "none"


def test_edges_of_a_layer(draw):
    layer, x = with_functions(draw), 2 * torch.rand((2000, 2), generator=draw, dtype=torch.float64) - 1
    square, sine = read_edges(layer, x)
    assert (square.formula.name, sine.formula.name) == ("square", "sin")
    variance = np.var([x[:, 0].numpy() ** 2, np.sin(3 * x[:, 1].numpy())], axis=1)
    assert (square.share, sine.share) == pytest.approx(tuple(variance / variance.sum()), rel=0.01)
    assert square.knots == pytest.approx(np.arange(-0.9, 0.91, 0.1))
    assert sine.y == pytest.approx(np.sin(3 * sine.x), abs=1e-4)


def test_shares_and_curves_where_bases_see_a_norm(draw):
    layer = FastKANLinear(3, 1)
    with torch.no_grad():
        layer.base_weight.fill_(1)
        layer.spline_weight.zero_()
    x = torch.randn((500, 3), generator=draw) * torch.tensor([10, 1, 0.1])
    edges = read_edges(layer, x)
    variance = nn.functional.silu(x).var(0)
    assert [edge.share for edge in edges] == pytest.approx((variance / variance.sum()).tolist(), rel=1e-4)
    assert not any(edge.y.any() for edge in edges), "a curve is what the bases add, which is nothing here"


def test_layers_are_read_in_a_model_and_one_after_another(draw):
    layers, x = [KANLinear(2, 3), KANLinear(3, 1)], torch.rand((200, 2), generator=draw)
    in_model, in_turn = read_edges(nn.Sequential(*layers), x), read_edges(layers, x)
    assert [(e.layer, e.source, e.target) for e in in_model] == [(e.layer, e.source, e.target) for e in in_turn]
    assert len(in_model) == 9
    assert all((a.y == b.y).all() for a, b in zip(in_model, in_turn, strict=True))


def test_model_without_kan_layers_is_refused():
    with pytest.raises(ValueError, match="no KAN layer"):
        read_edges(nn.Linear(2, 2), torch.rand(3, 2))


@pytest.mark.parametrize("layer", [KANLinear, FastKANLinear])
def test_figure_has_a_panel_for_each_edge_that_adds_most(draw, layer, tmp_path):
    with patch("kanpipe.plots.suggest", wraps=suggest) as sought:
        figure = plot_edges(layer(3, 5), torch.rand((300, 3), generator=draw), most=9)
    assert sought.call_count == 9, "of what is not shown no formula is sought"
    titles = list(filter(None, (axes.get_title("left") for axes in figure.axes)))
    assert len(titles) == 9 and all("R^2" in title for title in titles)
    figure.savefig(tmp_path / "edges.png")
