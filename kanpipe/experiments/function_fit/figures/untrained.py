"""The figures that need no training: growth of time, warm-up and locality."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from kanpipe.experiments.function_fit.config import WarmUp
from kanpipe.experiments.function_fit.curves import changed_share, labelled_points
from kanpipe.experiments.function_fit.exponents import exponents
from kanpipe.reporting.plots import DATA, FULL, GENERATED, GROUND, INK, MUTED
from kanpipe.reporting.style import FAMILY_COLOURS

NETWORKS = {"kan": ("KAN", FAMILY_COLOURS["kan"], "o"), "mlp": ("MLP", FAMILY_COLOURS["mlp"], "s")}
AXES = {"width": "width $N$", "depth": "depth $L$", "grid_size": "grid size $G$"}


def growth_figure(times: pd.DataFrame) -> Figure:
    """CPU time against width, depth and grid size, with the fitted exponents."""
    figure = Figure(figsize=(FULL, 2.3), layout="constrained")
    panels = figure.subplots(1, len(AXES), sharey=True)
    fits = exponents(times).groupby(["kind", "axis"])["exponent"].mean()
    for axes, (axis, name) in zip(panels, AXES.items(), strict=True):
        for kind, (network, hue, marker) in NETWORKS.items():
            own = times[(times["kind"] == kind) & (times["axis"] == axis)]
            if len(own):
                middle = 1e3 * own.groupby("value")["seconds"].median()
                words = f"{network}: {name[-3:]}$^{{{fits[kind, axis]:.2f}}}$"
                axes.plot(middle.index, middle, color=hue, marker=marker, markersize=3.5, label=words)
        axes.set(xscale="log", yscale="log", xlabel=name)
        axes.xaxis.set_major_locator(FixedLocator(sorted(times[times["axis"] == axis]["value"].unique())))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.legend(loc="upper left")
    panels[0].set_ylabel("forward and backward, ms")
    panels[0].set_ylim(top=5 * panels[0].get_ylim()[1])  # room for the legends
    return figure


def warm_up_figure(pieces: pd.DataFrame, settings: WarmUp) -> Figure:
    """An S-shaped boundary: one parabola cannot follow it, a cubic can, and so can two half-parabolas."""
    names = list(dict.fromkeys(pieces["boundary"]))
    figure = Figure(figsize=(FULL, 2.35), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True)
    x, y, above = labelled_points(settings)
    for axes, name in zip(panels, names, strict=True):
        own = pieces[pieces["boundary"] == name]
        axes.scatter(x[above], y[above], s=5, c=GENERATED, marker="o", linewidths=0)
        axes.scatter(x[~above], y[~above], s=7, c=DATA, marker="^", linewidths=0)
        axes.plot(own["x"], own["f"], color=INK, linewidth=1.5)
        axes.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", xlabel="$x$")
        axes.set_title(f"{name}\n{own['accuracy'].iloc[0]:.1%} on their side")
    panels[0].set_ylabel("$y$")
    return figure


def locality_figure(locality: pd.DataFrame) -> Figure:
    """A control point is moved: a piece of the B-spline changes, and all of the Bezier curve."""
    figure = Figure(figsize=(FULL, 2.4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    names = {"spline": "Cubic B-spline", "bezier": "Bézier curve"}
    for axes, (kind, name) in zip(panels, names.items(), strict=True):
        curve, points = (locality[locality["curve"] == part] for part in (kind, f"{kind} points"))
        _moved(axes, curve, points)
        axes.set_title(f"{name}: {changed_share(curve):.0%} of it moves with one control point")
        axes.set_xlabel("$t$")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=5)
    return figure


def _moved(axes: Axes, curve: pd.DataFrame, points: pd.DataFrame) -> None:
    moved = np.flatnonzero((points["before"] != points["after"]).to_numpy())[0]
    where = curve[(curve["after"] - curve["before"]).abs() > 1e-12]["x"]
    axes.axvspan(where.min(), where.max(), color=GROUND, linewidth=0, zorder=0, label="where it changes")
    axes.plot(curve["x"], curve["before"], color=DATA, label="before")
    axes.plot(curve["x"], curve["after"], color=GENERATED, linestyle="--", label="after")
    axes.plot(
        points["x"], points["before"], color=MUTED, linewidth=0.6, marker="o", markersize=3, label="control points"
    )
    x, start, end = points.iloc[moved][["x", "before", "after"]]
    axes.annotate(
        "", (x, end), (x, start), arrowprops={"arrowstyle": "->", "color": GENERATED, "shrinkA": 2, "shrinkB": 2}
    )
    axes.plot([x], [end], color=GENERATED, marker="o", markersize=4, linestyle="none", label="moved to")
