"""The learned functions on the edges of a deep KAN, beside those of the composition that it should find."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpipe.experiments.function_fit import problem
from kanpipe.experiments.function_fit.local_splines import EdgeFunctions
from kanpipe.experiments.function_fit.networks import KAN
from kanpipe.plots import suggest
from kanpipe.reporting.plots import DATA, FULL, INK, MUTED, SMALL
from kanpipe.reporting.style import FAMILY_COLOURS
from kanpipe.reporting.variants import seeds
from kanpipe.runs import FinishedRun

LEARNED, WANTED = FAMILY_COLOURS["kan"], DATA
UNUSED = 0.02  # of the height of a panel: what moves by less is not used
Shape = Callable[[np.ndarray], np.ndarray]
# What each edge's function is, but for an affine map, in layers: squares, sine, exponential.
SHAPES: dict[str, tuple[Shape, ...]] = {
    "exp_sin": (lambda s: s**2, np.sin, np.exp),
    "exp_sin_pi": (lambda s: s**2, lambda s: np.sin(np.pi * s), lambda s: np.exp(s / 2)),
}


@torch.no_grad()
def edges(run: FinishedRun, rows: pd.DataFrame) -> Figure:
    """Eleven panels: eight squares (or nothing) in the first layer, two sines, and the exponential.

    A KAN finds a composition but for affine maps between its layers, so the functions of the composition are drawn
    after the affine map of input and output that brings them nearest. What stands above each edge is the formula that
    `kanpipe.plots.suggest` names without knowing the target. `rows` are those of the variant's runs: how many of its
    starts come so far is said too.
    """
    variant = run.spec.variant
    network = problem.restore(variant, variant.grid_sizes[-1], run.tensors("weights.safetensors"))
    figure = Figure(figsize=(FULL, 3.5), layout="constrained")
    grid = figure.add_gridspec(2, 12)
    x, _ = problem.training_set(variant, run.seed)
    exponents = SHAPES[variant.target]
    assert isinstance(network, KAN)
    for depth, layer in enumerate(network.kan_layers):
        values = EdgeFunctions(layer)(x)  # (n, in, out)
        limit = float(1.1 * (values - values.mean(0)).abs().max())
        for i in range(layer.in_features):
            for o in range(layer.out_features):
                axes = figure.add_subplot(grid[_place(depth, i, o)])
                _edge(axes, x[:, i].numpy(), values[:, i, o].numpy(), exponents[depth], limit)
                named = _named(x[:, i].numpy(), values[:, i, o].numpy(), limit)
                axes.set_title(f"{_name(depth, i, o)}{named}", size=SMALL)
        assert layer.bias is not None
        x = values.sum(1) + layer.bias
    figure.axes[0].plot([], [], color=LEARNED, label=f"learned, {_size(network)}")
    figure.axes[0].plot([], [], color=WANTED, linestyle="--", label="square, sine, exponential, after affine maps")
    escaped, starts = int(rows["escaped"].sum()), int(rows["restarts"].sum())
    found = f"{escaped} of {starts} starts of {seeds(len(rows))} come so far"
    figure.suptitle(f"{problem.TARGETS[variant.target].formula}, training seed {run.seed}; {found}")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


def _place(depth: int, i: int, o: int) -> tuple[int | slice, slice]:
    """Row and columns of twelve: the first layer's eight edges above and to the left, the others to the right."""
    if depth == 0:
        return o, slice(2 * i, 2 * i + 2)
    return (i, slice(8, 10)) if depth == 1 else (slice(0, 2), slice(10, 12))


def _name(depth: int, i: int, o: int) -> str:
    return (rf"$x_{i + 1} \to h_{o + 1}$", rf"$h_{i + 1} \to s$", r"$s \to y$")[depth]


def _named(s: np.ndarray, values: np.ndarray, limit: float) -> str:
    """What the curve looks like, and the R² of it; nothing for an edge that is not used."""
    if np.ptp(values) <= UNUSED * limit:
        return ""
    some = np.argsort(s)[:: max(1, len(s) // 400)]
    formula = suggest(s[some], values[some])
    return f"\n{formula.name}, $R^2$ {formula.r_squared:.4f}"


def _size(network: KAN) -> str:
    return f"$G={network.grid_size}$"


def _edge(axes: Axes, s: np.ndarray, values: np.ndarray, shape: Shape, limit: float) -> None:
    order = np.argsort(s)
    s, values = s[order], values[order] - values.mean()
    axes.plot(s, values, color=LEARNED, linewidth=1.6)
    if np.ptp(values) > UNUSED * limit:
        axes.plot(s, _nearest(s, values, shape), color=WANTED, linestyle="--", linewidth=1)
    else:
        axes.text(0.5, 0.85, "not used", transform=axes.transAxes, ha="center", color=MUTED, size=SMALL)
    axes.set_ylim(-limit, limit)
    axes.set_xlabel("input of the edge", size=6, labelpad=1)
    axes.tick_params(labelsize=6, colors=INK)
    axes.locator_params(nbins=3)
    place = axes.get_subplotspec()
    if place is not None and place.colspan.start in (0, 8, 10):
        axes.set_ylabel("output, less its mean", size=6, labelpad=1)
    else:
        axes.set_yticklabels([])


def _nearest(s: np.ndarray, values: np.ndarray, shape: Shape) -> np.ndarray:
    """a shape(b s + c) + d with the least squared distance from the values."""
    from scipy.optimize import least_squares

    def fit(inner: np.ndarray) -> np.ndarray:
        terms = np.stack([shape(inner[0] * s + inner[1]), np.ones_like(s)], axis=1)
        return terms @ np.linalg.lstsq(terms, values, rcond=None)[0]

    starts = [
        (sign * scale / max(np.ptp(s), 1e-9), c) for sign in (1, -1) for scale in (0.5, 1, 2) for c in (0, 0.5, 1)
    ]
    found = [least_squares(lambda inner: fit(inner) - values, start, max_nfev=60) for start in starts]
    return fit(min(found, key=lambda result: result.cost).x)
