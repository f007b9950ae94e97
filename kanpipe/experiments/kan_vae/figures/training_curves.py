"""Reconstruction error and KL divergence while the models are trained."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from kanpipe.experiments.kan_vae.published import CURVE_ENDS
from kanpipe.experiments.kan_vae.words import heading, title
from kanpipe.reporting.panels import ACROSS, blank, panels
from kanpipe.reporting.plots import CONTRAST, INK, MUTED, SMALL
from kanpipe.reporting.smoothing import WINDOW, smoothed, thinned, window_for
from kanpipe.reporting.style import Style
from kanpipe.reporting.variants import Variant, of_first_seeds
from kanpipe.runs import FinishedRun

PARTS = {"reconstruction": ("reconstruction error", CONTRAST[0], "o"), "kl": ("KL divergence", CONTRAST[1], "D")}
MARK: Style = {"linestyle": "none", "markersize": 5, "markeredgecolor": INK, "markeredgewidth": 1, "zorder": 5}


def training_curves(variants: list[Variant], published: bool) -> Figure:
    """Both parts of the loss of every batch, smoothed (Figure 6)."""
    figure, places = panels(len(variants), height=2.6, below=0.65, sharex=True, sharey=True)
    window = WINDOW
    for axes, variant in zip(places, variants, strict=True):
        axes.set_title(heading(variant))
        if variant.runs:
            window = _curves(axes, variant.runs[0])
            _marks(axes, variant, published)
        else:
            blank(axes, "diverged")
    _frame(places)
    entries = _entries(window, published)
    place: Style = {"loc": "outside lower center", "ncols": 2, "columnspacing": 4}
    figure.legend(
        handles=list(entries.values()),
        labels=list(entries),
        title=f"One run of each, {of_first_seeds(variants, title)}",
        **place,
    )
    return figure


def _curves(axes: Axes, run: FinishedRun) -> int:
    """Draws the run and returns the window."""
    history = run.history()
    window = window_for(len(history))
    for part, (_, hue, _) in PARTS.items():
        curve = smoothed(history[part], window)
        drawn = thinned(curve)
        axes.fill_between(drawn.index, drawn["low"], drawn["high"], color=hue, alpha=0.2, linewidth=0)
        axes.plot(drawn.index, drawn["mean"], color=hue, linewidth=1, label=part)
        end = curve["mean"].iloc[-1]
        place: Style = {"xytext": (3, 0), "textcoords": "offset points", "va": "center", "annotation_clip": False}
        axes.annotate(f"{end:.0f}", (len(curve), end), color=hue, **place)
    return window


def _marks(axes: Axes, variant: Variant, published: bool) -> None:
    """When weights were kept, and where the source's curves end."""
    for step in variant.runs[0].record.settings["snapshot_steps"]:
        axes.axvline(step, color=MUTED, linewidth=0.7, linestyle=":", zorder=1)
        words: Style = {"xytext": (3, -1), "textcoords": "offset points", "va": "top", "size": SMALL, "color": MUTED}
        axes.annotate(f"{step:,} updates", (step, 1), xycoords=("data", "axes fraction"), **words)
    if published and variant.name in CURVE_ENDS:
        updates, *ends = CURVE_ENDS[variant.name]
        for (_, _, shape), end in zip(PARTS.values(), ends, strict=True):
            axes.plot(updates, end, shape, markerfacecolor="white", **MARK)


def _frame(places: list[Axes]) -> None:
    """A logarithmic axis from below where the KL divergence settles to the first errors."""
    axes = places[0]
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    curves = [np.asarray(line.get_ydata()) for place in places for line in place.lines if line.get_label() in PARTS]
    axes.set_ylim(bottom=max(0.01, 0.6 * min(np.min(curve[len(curve) // 5 :]) for curve in curves)))
    for place in places:
        place.xaxis.set_major_locator(MaxNLocator(4, steps=(1, 2, 4, 5, 10)))
        place.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    for place in places[-ACROSS:]:
        place.set_xlabel("weight updates")
    axes.set_ylabel("nats per image")


def _entries(window: int, published: bool) -> dict[str, tuple[Patch, Line2D] | Line2D]:
    """A column of curves, and one of published ends."""
    curves, ends = {}, {}
    for words, hue, shape in PARTS.values():
        band = Patch(color=hue, alpha=0.2, linewidth=0)
        curves[f"{words}: mean and 5 to 95 % of {window} batches"] = (band, Line2D([], [], color=hue))
        ends[f"{words}: end of the published curve"] = Line2D([], [], marker=shape, markerfacecolor="white", **MARK)
    return curves | (ends if published else {})
