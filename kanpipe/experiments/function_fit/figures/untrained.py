"""The figures that need no training: growth of time, warm-up and locality."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from kanpipe.experiments.function_fit.config import Growth, WarmUp
from kanpipe.experiments.function_fit.curves import changed_share, labelled_points
from kanpipe.experiments.function_fit.exponents import exponents
from kanpipe.reporting.plots import CONTRAST, FULL, GROUND, INK, MUTED
from kanpipe.reporting.style import FAMILY_COLOURS, Style

NETWORKS = {"kan": ("KAN", FAMILY_COLOURS["kan"], "o"), "mlp": ("MLP", FAMILY_COLOURS["mlp"], "s")}
PRODUCTS: Style = {"color": MUTED, "linewidth": 0.8, "linestyle": "--", "zorder": 1}
AXES = {"width": "width $N$", "depth": "depth $L$", "grid_size": "grid size $G$"}


def growth_figure(times: pd.DataFrame, timed: Growth) -> Figure:
    """CPU time against width, depth and grid size, with the fitted exponents, beside the growth of the products."""
    figure = Figure(figsize=(FULL, 2.7), layout="constrained")
    panels = figure.subplots(1, len(AXES), sharey=True)
    fits = exponents(times).groupby(["kind", "axis"])["exponent"].mean()
    for axes, (axis, name) in zip(panels, AXES.items(), strict=True):
        for kind, (network, hue, marker) in NETWORKS.items():
            own = times[(times["kind"] == kind) & (times["axis"] == axis)]
            if len(own):
                words = f"{network}: {name[-3:]}$^{{{fits[kind, axis]:.2f}}}$"
                _times(axes, own, color=hue, marker=marker, label=words)
        axes.set(xscale="log", yscale="log", xlabel=name)
        axes.xaxis.set_major_locator(FixedLocator(sorted(times[times["axis"] == axis]["value"].unique())))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.legend(loc="upper left")
    panels[0].set_ylabel("forward and backward, ms")
    panels[0].set_ylim(top=5 * panels[0].get_ylim()[1])  # room for the legends
    guide = Line2D([], [], **PRODUCTS, label="in proportion to the multiplications, through the last time")
    figure.legend(handles=[guide], loc="outside lower left")
    words = f"Medians and ranges of {times['round'].nunique()} rounds of one process, one thread, batch {timed.batch}"
    figure.suptitle(f"{words}; exponents are fitted to all times", x=0.01, ha="left")
    return figure


def _times(axes: Axes, rows: pd.DataFrame, **look: Any) -> None:
    """Medians of the rounds with their ranges, and what they were if they grew as the counted multiplications do."""
    seconds, operations = rows.groupby("value")["seconds"], rows.groupby("value")["operations"].first()
    middle = 1e3 * seconds.median()
    ranges = [middle - 1e3 * seconds.min(), 1e3 * seconds.max() - middle]
    axes.errorbar(middle.index, middle, ranges, markersize=3.5, elinewidth=0.8, capsize=2, **look)
    axes.plot(middle.index, middle.iloc[-1] * operations / operations.iloc[-1], **PRODUCTS)


def warm_up_figure(pieces: pd.DataFrame, settings: WarmUp) -> Figure:
    """An S-shaped boundary: one parabola cannot follow it, a cubic can, and so can two half-parabolas."""
    names = list(dict.fromkeys(pieces["boundary"]))
    figure = Figure(figsize=(FULL, 2.6), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True)
    x, y, above = labelled_points(settings)
    for axes, name in zip(panels, names, strict=True):
        own = pieces[pieces["boundary"] == name]
        axes.scatter(x[above], y[above], s=5, c=CONTRAST[1], marker="o", linewidths=0, label="class 1")
        axes.scatter(x[~above], y[~above], s=7, c=MUTED, marker="^", linewidths=0, label="class 2")
        axes.plot(own["x"], own["f"], color=INK, linewidth=1.5, label="fitted boundary")
        axes.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", xlabel="$x$")
        axes.set_title(f"{name}\n{own['accuracy'].iloc[0]:.1%} classified right")
    panels[0].set_ylabel("$y$")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=3, markerscale=2)
    return figure


def locality_figure(locality: pd.DataFrame) -> Figure:
    """No measurement, but what definitions say: a control point moves a piece of a B-spline, all of a Bézier curve."""
    figure = Figure(figsize=(FULL, 2.4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    names = {"spline": "Cubic B-spline", "bezier": "Bézier curve"}
    for axes, (kind, name) in zip(panels, names.items(), strict=True):
        curve, points = (locality[locality["curve"] == part] for part in (kind, f"{kind} points"))
        _moved(axes, curve, points)
        axes.set_title(f"{name}: {changed_share(curve):.0%} of it moves with one control point")
        axes.set_xlabel("$t$")
    panels[0].set_ylabel("value of the curve")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=5)
    return figure


def _moved(axes: Axes, curve: pd.DataFrame, points: pd.DataFrame) -> None:
    moved = np.flatnonzero((points["before"] != points["after"]).to_numpy())[0]
    where = curve[(curve["after"] - curve["before"]).abs() > 1e-12]["x"]
    axes.axvspan(where.min(), where.max(), color=GROUND, linewidth=0, zorder=0, label="where it changes")
    axes.plot(curve["x"], curve["before"], color=CONTRAST[0], label="before")
    axes.plot(curve["x"], curve["after"], color=CONTRAST[1], linestyle="--", label="after")
    axes.plot(
        points["x"], points["before"], color=MUTED, linewidth=0.6, marker="o", markersize=3, label="control points"
    )
    x, start, end = points.iloc[moved][["x", "before", "after"]]
    axes.annotate(
        "", (x, end), (x, start), arrowprops={"arrowstyle": "->", "color": CONTRAST[1], "shrinkA": 2, "shrinkB": 2}
    )
    axes.plot([x], [end], color=CONTRAST[1], marker="o", markersize=4, linestyle="none", label="moved to")
