"""Whether colours are random: the channel means of samples against those of the noise that they began as."""

from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kanpipe.experiments.cifar10_ddim.datasets import SIDE, Dataset
from kanpipe.experiments.cifar10_ddim.words import Names
from kanpipe.reporting.panels import blank, panels, scores
from kanpipe.reporting.plots import INK, SMALL, statement
from kanpipe.reporting.style import Style
from kanpipe.reporting.variants import Variant, of_first_seeds

ACROSS = 4
BAND = "#E8E8E2"
REACH = 3.6  # standard deviations of the means of x_T on either side, at least; one is 1 / SIDE
HUES = {"red": "#9B1B1B", "green": "#6B8E23", "blue": "#27408B", "grey": "#666666"}  # none is that of a family


def channel_means(variants: list[Variant], means: pd.DataFrame, names: Names, images: Dataset) -> Figure:
    """A point an image and channel of each variant's first finished run, and the line of a noise with mean zero.

    Where networks have made different numbers of steps, each says how many.
    """
    shown = [variant for variant in variants if not variant.runs or len(_own(variant, means))]
    if means.empty or not shown:
        return statement("No samples whose channel means could be shown")
    hues = {name: HUES[name] for name in images.channels}
    figure, places = panels(len(shown), height=2.1, below=0.7, across=ACROSS, sharex=True, sharey=True)
    slope = float(shown[0].rows["predicted_mean_sd"].iloc[0]) * SIDE
    own = pd.concat([_own(variant, means) for variant in shown])
    reach = 1.05 * max(REACH / SIDE, own["start"].abs().max())
    ends, steps = _ends(own, slope, reach), {variant.name: variant.rows["steps"].max() for variant in shown}
    differ = len(set(steps.values())) > 1
    for place, (axes, variant) in enumerate(zip(places, shown, strict=True)):
        lines = [fill(names.title(variant.name), 26), *_measured(variant, _own(variant, means))]
        if differ and variant.runs:
            lines[-1] += f", {steps[variant.name]:,} steps"
        axes.set_title("\n".join(lines), size=SMALL)
        _frame(axes, slope, reach, ends)
        if variant.runs:
            _points(axes, _own(variant, means), hues)
        else:
            blank(axes, "diverged")
        axes.tick_params(labelbottom=True)
        if place + ACROSS >= len(shown):
            axes.set_xlabel("mean of $x_T$")
        if place % ACROSS == 0:
            axes.set_ylabel("mean of the sample")
    made = "" if differ else f" after {max(steps.values()):,} steps"
    words = f"{own['image'].nunique():,} images of each{made}, {of_first_seeds(shown, names.title)}"
    _legend(figure, slope, hues, words)
    return figure


def _own(variant: Variant, means: pd.DataFrame) -> pd.DataFrame:
    seeds = [run.seed for run in variant.runs[:1]]
    return means[(means["variant"] == variant.name) & means["seed"].isin(seeds)]


def _measured(variant: Variant, points: pd.DataFrame) -> list[str]:
    """Slope and spread of the means, and their own mean; nothing of a variant without points."""
    if points.empty:
        return [""]
    return [
        scores(variant, mean_slope="slope {:.1f}", mean_sd="sd {:.2f}"),
        f"mean {points['end'].mean().round(1) + 0.0:.1f}",
    ]


def _ends(points: pd.DataFrame, slope: float, reach: float) -> tuple[float, float]:
    """Of the vertical axis: those of the line, or of points that lie beyond it, as where a PReLU shifts them."""
    spare = 1.05
    return min(-reach * slope, spare * points["end"].min()), max(reach * slope, spare * points["end"].max())


def _frame(axes: Axes, slope: float, reach: float, ends: tuple[float, float]) -> None:
    """The same axes for all, the line, and the band in which images can lie."""
    axes.set(xlim=(-reach, reach), ylim=ends, xticks=(-0.1, 0, 0.1))
    axes.axhspan(-1, 1, color=BAND, zorder=0)
    axes.plot((-reach, reach), (-reach * slope, reach * slope), color=INK, linewidth=0.7, zorder=1)


def _points(axes: Axes, points: pd.DataFrame, hues: dict[str, str]) -> None:
    colours = np.array(list(hues.values()))[points["channel"].astype(int)]
    style: Style = {"s": 3, "linewidths": 0, "alpha": 0.7, "zorder": 2, "rasterized": True}
    axes.scatter(points["start"], points["end"], c=colours, **style)


def _legend(figure: Figure, slope: float, hues: dict[str, str], title: str) -> None:
    dots = [Line2D([], [], color=hue, marker="o", markersize=3, linestyle="none") for hue in hues.values()]
    names = [f"a sample's {name} channel" for name in hues]
    line, band = Line2D([], [], color=INK, linewidth=0.7), Line2D([], [], color=BAND, linewidth=7)
    words = rf"predicted noise of mean zero: slope $1/\sqrt{{\bar\alpha}}$ = {slope:.1f}"
    handles, labels = [*dots, line, band], [*names, words, "means that an image can have"]
    title += "\nabove: slope, standard deviation (sd) and mean of a sample's means; parallel to the line: shifted"
    figure.legend(handles, labels, loc="outside lower center", ncols=3, columnspacing=2, title=title)
