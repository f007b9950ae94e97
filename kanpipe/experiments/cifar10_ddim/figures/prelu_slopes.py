"""What becomes of a PReLU behind the last convolution, and what its slope costs behind a norm."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kanpipe.experiments.cifar10_ddim.colours import LAST, prelu_floor
from kanpipe.experiments.cifar10_ddim.datasets import SIDE, Dataset
from kanpipe.experiments.cifar10_ddim.words import Names
from kanpipe.reporting.plots import FULL, SMALL, statement
from kanpipe.reporting.style import Style
from kanpipe.reporting.variants import Variant, seeds

DASHES = ("-", "--", ":", "-.")  # of networks of one colour, one after the other
PANELS = {
    "a  Slope of the PReLU": "",
    "b  The least loss, about": "squared error of an image",
    "c  Shift of a sample's means": "value (black -1, white 1)",
}


def prelu_slopes(variants: list[Variant], looks: pd.DataFrame, names: Names, images: Dataset) -> Figure:
    """A line a training: the slope, and, behind a norm without factors of its own, about the least loss and the shift.

    `looks` has the slopes of PReLUs at some training steps.
    """
    slopes = looks[(looks["layer"] == LAST) & looks["slope"].notna()]
    shown = [variant for variant in variants if variant.name in set(slopes["variant"]) and variant.runs]
    if not shown:
        return statement("No network has a PReLU behind its last convolution that was looked at")
    figure = Figure(figsize=(FULL, 2.6 + 0.16 * -(-len(shown) // 2)), layout="constrained")
    panels = figure.subplots(1, len(PANELS))
    dashes = {names.look(variant.name)[0]: iter(DASHES) for variant in shown}
    entries = []
    for variant in shown:
        hue, mark = names.look(variant.name)
        look: Style = {"color": hue, "marker": mark, "markersize": 3.5, "linestyle": next(dashes[hue], "-")}
        _trainings(panels, variant, slopes[slopes["variant"] == variant.name], SIDE**2 * len(images.channels), look)
        entries.append(Line2D([], [], label=names.title(variant.name), **look))
    for axes, (title, unit) in zip(panels, PANELS.items(), strict=True):
        axes.set(title=title, ylabel=unit, xlabel="training step")
        axes.xaxis.set_major_locator(MaxNLocator(3, steps=(1, 2, 5, 10)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    runs = [slopes.loc[slopes["variant"] == variant.name, "seed"].nunique() for variant in shown]
    words = f"A line a training, {seeds(min(runs), max(runs))} each; b, c: behind a norm without factors of its own"
    figure.legend(handles=entries, title=words, title_fontsize=SMALL, loc="outside lower center", ncols=2)
    return figure


def _trainings(panels: Sequence[Axes], variant: Variant, looks: pd.DataFrame, values: int, look: Style) -> None:
    behind = variant.scores("prelu_loss").gt(0).any()
    per_slope = variant.rows["predicted_mean_sd"].iloc[0] * SIDE / math.sqrt(2 * math.pi)
    for _, own in looks.groupby("seed"):
        panels[0].plot(own["step"], own["slope"], **look)
        if behind:
            panels[1].plot(own["step"], prelu_floor(own["slope"], values), **look)
            panels[2].plot(own["step"], (own["slope"] - 1) * per_slope, **look)
