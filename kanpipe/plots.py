"""KANs to be read: the function on every edge, the data below it, its knots, what it adds, and a formula that fits it.

from kanpipe.plots import plot_edges
plot_edges(model, inputs).savefig("edges.png")
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from kanpipe.layers.bases import Shifts
from kanpipe.layers.cox_de_boor import KnotSpline
from kanpipe.layers.diagnostics import observe_inputs, seen_by_bases
from kanpipe.layers.kan_layer import KANLayer
from kanpipe.layers.kan_linear import BasisLinear
from kanpipe.layers.pruning import mean_squares
from kanpipe.layers.splines import UniformSpline
from kanpipe.reporting.plots import FULL, GROUND, INK, MUTED, SMALL, house_style
from kanpipe.reporting.style import FAMILY_COLOURS

Shape = Callable[[np.ndarray], np.ndarray]
SHAPES: dict[str, Shape] = {  # from the simplest on: of those that fit as well the first is named
    "linear": lambda s: s,
    "square": lambda s: s**2,
    "exp": np.exp,
    "sin": np.sin,
    "cube": lambda s: s**3,
    "tanh": np.tanh,
    "bell": lambda s: np.exp(-(s**2)),
}
AS_WELL, NEARLY, GOOD_ENOUGH = 10.0, 0.01, 1e-4  # times the least unexplained share, and above it; such a share
FITS = 0.9  # R² below which no shape is named
USED = 0.001  # of what the outputs are sent: where less passes, no formula is named
SLOPES, SHIFTS = np.geomspace(0.25, 8, 16), np.linspace(-4, 4, 33)  # where the search for b and c starts
SAMPLES = 201  # points of a curve that is read


@dataclass(frozen=True)
class Formula:
    """a shape(b x + c) + d, and the share of the variance that it explains."""

    name: str
    r_squared: float
    values: np.ndarray  # at the points to which it was fitted


@dataclass(frozen=True)
class Edge:
    """One edge over the inputs that it has met."""

    layer: int
    source: int
    target: int
    inputs: np.ndarray  # (n,), what the edge saw
    x: np.ndarray  # (points,), from the 1st to the 99th percentile of the inputs
    y: np.ndarray  # (points,), its function there
    knots: np.ndarray  # those in that range
    share: float  # of the variance that all edges into its target add, over the inputs
    weight: float  # of what the model's outputs are sent, the part that passes here; 1 in all in each layer

    @cached_property
    def formula(self) -> Formula:
        """The formula nearest to it; a search of half a second."""
        return suggest(self.x, self.y)


def suggest(x: np.ndarray, y: np.ndarray) -> Formula:
    """The simplest of `SHAPES` that explains y (n,) at x (n,) as well as any, after affine maps of both.

    A function that is constant is `zero`; one of which the best shape explains less than `FITS` is `none`, with the R²
    and the values of that shape; so is one with values that are not finite, with its own.
    """
    if not np.isfinite(y).all():
        return Formula("none", np.nan, y)
    if np.ptp(y) < 1e-9:
        return Formula("zero", 1.0, np.full_like(y, y.mean()))
    found = [fitted(x, y, name) for name in SHAPES]
    best = max(found, key=lambda formula: formula.r_squared)
    if best.r_squared < FITS:
        return replace(best, name="none")
    least = 1 - best.r_squared
    return next(f for f in found if 1 - f.r_squared <= max(min(AS_WELL * least, least + NEARLY), GOOD_ENOUGH))


def fitted(x: np.ndarray, y: np.ndarray, name: str) -> Formula:
    """The shape of that name with the affine maps that leave the least squared distance from y."""
    from scipy.optimize import minimize

    s = 2 * (x - x.min()) / max(np.ptp(x), 1e-12) - 1

    def terms(inner: np.ndarray) -> np.ndarray:
        return SHAPES[name](np.clip(inner[..., :1] * s + inner[..., 1:], -50, 50))

    starts = np.array([(b, c) for b in SLOPES for c in SHIFTS]) if name != "linear" else np.array([(1.0, 0.0)])
    order = np.argsort(_unexplained(terms(starts), y), kind="stable")[:3]
    found = [starts[k] for k in order]
    if name != "linear":
        options = {"xatol": 1e-8, "fatol": 1e-13, "maxiter": 600}
        polished = (
            minimize(lambda v: _unexplained(terms(v), y), v, method="Nelder-Mead", options=options) for v in found
        )
        found = [result.x for result in polished]
    best = min(found, key=lambda inner: float(_unexplained(terms(inner), y)))
    both = np.stack([terms(best), np.ones_like(s)], axis=1)
    values = both @ np.linalg.lstsq(both, y, rcond=None)[0]
    return Formula(name, 1 - float(((y - values) ** 2).mean() / y.var()), values)


def _unexplained(terms: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(...,): the share of the variance of y (n,) that a line in terms (..., n) leaves; 1 for a constant."""
    a, b = terms - terms.mean(-1, keepdims=True), y - y.mean()
    scale = (a**2).sum(-1) * (b @ b)
    return 1 - np.divide((a @ b) ** 2, scale, out=np.zeros_like(scale), where=scale > 1e-300)


@torch.no_grad()
def read_edges(model: nn.Module | Sequence[BasisLinear], inputs: Tensor) -> list[Edge]:
    """All edges of a fully connected KAN layer, of those of a model, or of layers that follow one another.

    `inputs` is what the model takes, (n, in). Where the bases see a norm of x and the base x itself, an edge is no
    function of one variable: its curve is what the bases add, over what they see, and its share counts both. Raises
    ValueError when there is no such layer.
    """
    seen: list[tuple[BasisLinear, Tensor]] = []

    def see(name: str, layer: KANLayer, x: Tensor) -> None:
        if isinstance(layer, BasisLinear):
            seen.append((layer, x.reshape(-1, layer.in_features)))

    if isinstance(model, nn.Module):
        with observe_inputs(model, see):
            model(inputs)
    else:
        for layer in model:
            see("", layer, inputs)
            inputs = layer(inputs)
    if not seen:
        raise ValueError("the model has no fully connected KAN layer that was called")
    shares = [_shares(layer, x) for layer, x in seen]
    found = zip(seen, shares, _weights(shares), strict=True)
    return [edge for n, ((layer, x), share, weight) in enumerate(found) for edge in _edges(n, layer, x, share, weight)]


def _shares(layer: BasisLinear, inputs: Tensor) -> np.ndarray:
    """(out, in): the share of each edge in the variance that its target is sent by all of the layer."""
    variance = mean_squares(layer, inputs, is_centred=True)
    return (variance / variance.sum(1, keepdim=True).clamp_min(1e-300)).cpu().numpy()


def _weights(shares: list[np.ndarray]) -> list[np.ndarray]:
    """(out, in) for every layer: the part of what the outputs are sent, in equal parts, that passes an edge.

    A target passes on to its edges, by their shares, what it is worth to the next layer; where layers do not follow
    upon one another, as many units as there are inputs, all targets are worth as much.
    """
    weights: list[np.ndarray] = []
    for share in reversed(shares):
        worth = (
            weights[0].sum(0) if weights and weights[0].shape[1] == len(share) else np.full(len(share), 1 / len(share))
        )
        weights.insert(0, share * worth[:, None])
    return weights


def _edges(number: int, layer: BasisLinear, inputs: Tensor, share: np.ndarray, weight: np.ndarray) -> list[Edge]:
    """The edges of one layer with `inputs` (n, in), over what its bases see of them."""
    edges = []
    for i, column in enumerate(seen_by_bases(layer, inputs).T):
        seen = column.double().cpu()
        low, high = torch.quantile(seen, torch.tensor([0.01, 0.99], dtype=torch.float64))
        points = torch.linspace(float(low), float(high), SAMPLES, dtype=column.dtype, device=column.device)
        curves = layer.edge_functions(points, with_base=layer.layernorm is None)[:, i].double().cpu().numpy()
        x, knots = points.double().cpu().numpy(), _knots(layer, i)
        inside = knots[(knots >= x[0]) & (knots <= x[-1])]
        edges += [
            Edge(number, i, o, seen.numpy(), x, y, inside, share[o, i], weight[o, i]) for o, y in enumerate(curves)
        ]
    return edges


def _knots(layer: BasisLinear, feature: int) -> np.ndarray:
    """Where the grid of an input has a knot, or where centres lie; nothing for functions without a place."""
    if isinstance(layer.basis, KnotSpline):
        assert layer.grid is not None
        return layer.grid[feature].double().cpu().numpy()
    if isinstance(layer.basis, UniformSpline):
        low, high = (float(end[feature]) if isinstance(end, Tensor) else float(end) for end in layer.grid_range)
        return np.linspace(low, high, layer.basis.grid_size + 1)
    centres = layer.basis.centres(layer.grid) if isinstance(layer.basis, Shifts) else []
    return np.array([float(centre[feature]) if isinstance(centre, Tensor) else centre for centre in centres])


def plot_edges(
    model: nn.Module | Sequence[BasisLinear],
    inputs: Tensor,
    most: int = 24,
    names: tuple[Sequence[str], Sequence[str]] = ((), ()),
    title: str = "",
) -> Figure:
    """The edges of a KAN on `inputs` (n, in), at most `most` of a layer: those that most of the outputs passes through.

    A panel names the edge, its part of what the outputs are sent, and the formula nearest to it with its R² (dashed)
    where that part is above a thousandth; it shows the function, the distribution of its inputs (grey), and the knots
    (ticks below). `names`: those of inputs
    and outputs.
    """
    edges = read_edges(model, inputs)
    layers = sorted({edge.layer for edge in edges})
    chosen = [sorted([e for e in edges if e.layer == n], key=lambda e: -e.weight)[:most] for n in layers]
    chosen = [sorted(own, key=lambda edge: (edge.target, edge.source)) for own in chosen]
    with house_style():
        rows = [own[k : k + 6] for own in chosen for k in range(0, len(own), 6)]
        figure = Figure(figsize=(FULL, 1.3 * len(rows) + 0.3 * bool(title)), layout="constrained")
        figure.suptitle(title, x=0.01, ha="left")
        figure.supxlabel("what an edge sees", size=SMALL)
        figure.supylabel("what it adds", size=SMALL)
        panels = figure.subplots(len(rows), 6, squeeze=False)
        for row, line in zip(panels, rows, strict=True):
            for axes in row[len(line) :]:
                axes.axis("off")
            for axes, edge in zip(row, line, strict=False):
                _panel(axes, edge, _ends(edge, layers[-1], *names))
    return figure


def _ends(edge: Edge, last: int, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """From where to where it goes, x to h to y but for other names."""
    source = _unit("x", inputs, edge.source) if edge.layer == 0 else _hidden(edge.layer, edge.source, last)
    target = _unit("y", outputs, edge.target) if edge.layer == last else _hidden(edge.layer + 1, edge.target, last)
    return rf"{source}$\to${target}"


def _unit(letter: str, names: Sequence[str], unit: int) -> str:
    return names[unit] if names else rf"${letter}_{{{unit + 1}}}$"


def _hidden(layer: int, unit: int, layers: int) -> str:
    """With the number of its layer where there are several."""
    return rf"$h_{{{f'{layer},' if layers > 1 else ''}{unit + 1}}}$"


def _panel(axes: Axes, edge: Edge, ends: str) -> None:
    beneath = axes.twinx()
    beneath.hist(edge.inputs, bins=30, range=(edge.x[0], edge.x[-1]), color=GROUND, edgecolor="#DDDDD5", linewidth=0.3)
    beneath.set(yticks=[], ylim=(0, 1.6 * beneath.get_ylim()[1]))
    beneath.spines[:].set_visible(False)
    axes.set_zorder(beneath.get_zorder() + 1)
    axes.patch.set_visible(False)
    axes.plot(edge.x, edge.y, color=FAMILY_COLOURS["kan"], linewidth=1.4)
    if edge.weight >= USED:
        axes.plot(edge.x, edge.formula.values, color=INK, linewidth=0.8, linestyle="--")
    axes.plot(
        edge.knots, np.zeros_like(edge.knots), "|", color=MUTED, transform=axes.get_xaxis_transform(), markersize=4
    )
    axes.set_title(f"{ends}, {edge.weight:.1%}\n{_words(edge)}", size=SMALL - 1)
    axes.tick_params(labelsize=6)
    axes.locator_params(nbins=3)


def _words(edge: Edge) -> str:
    """The formula that is nearest to an edge, where anything passes through it."""
    if edge.weight < USED:
        return "not used"
    name, fit = edge.formula.name, edge.formula.r_squared
    return f"none, $R^2$ ≤ {fit:.2f}" if name == "none" else f"{name}, $R^2$ {fit:.4f}"
