"""The loss of the networks while they are trained."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from kanpipe.experiments.cifar10_ddim.colours import LAST, prelu_floor
from kanpipe.experiments.cifar10_ddim.datasets import SIDE, Dataset
from kanpipe.experiments.cifar10_ddim.words import Names
from kanpipe.reporting.plots import FULL, statement
from kanpipe.reporting.smoothing import smoothed, thinned, window_for
from kanpipe.reporting.style import Style
from kanpipe.reporting.variants import Variant, of_first_seeds

LINES = ("-", "--", ":", "-.")  # of networks of one colour, one after the other
GREY: Style = {"color": "#BBBBBB", "linewidth": 0.7, "zorder": 1}
FLOOR: Style = {
    "marker": "_",
    "linestyle": "none",
    "markersize": 9,
    "markeredgewidth": 1.4,
    "zorder": 3,
    "clip_on": False,
}


def training(
    variants: list[Variant], looks: pd.DataFrame, names: Names, named: Sequence[str], images: Dataset
) -> Figure:
    """The smoothed loss of every variant in the training of one seed; those that are not `named` in grey.

    `looks` has the slopes of PReLUs: a dash is the loss below which one behind a norm does not let its network come.
    """
    finished = _of_one_seed([variant for variant in variants if variant.runs])
    if not finished:
        return statement("No network has finished its training")
    figure = Figure(figsize=(FULL, 3.4), layout="constrained")
    axes = figure.add_subplot()
    shown = [variant for variant in finished if variant.name in named]
    others = [variant for variant in finished if variant.name not in named]
    lines = {names.look(variant.name)[0]: iter(LINES) for variant in shown}
    for variant in shown:
        hue = names.look(variant.name)[0]
        own: Style = {"color": hue, "zorder": 2, "label": names.title(variant.name)}
        _curve(axes, variant, own | {"linestyle": next(lines[hue], "-")})
    for number, variant in enumerate(others):
        _curve(axes, variant, GREY | {"label": "_" if number else f"the other networks of the table: {len(others)}"})
    _frame(axes, len(images.channels))
    axes.set_ylim(axes.get_ylim())  # of the curves: what lies below them all is no bound worth its room
    for variant in shown:
        _floors(axes, variant, looks, names.look(variant.name)[0], SIDE**2 * len(images.channels))
    lost = [f"{names.title(variant.name)} diverged" for variant in variants if not variant.runs]
    window = max(window_for(len(variant.runs[0].history())) for variant in finished)
    axes.set_title("; ".join([f"Mean of the {window} steps around, {of_first_seeds(finished, names.title)}", *lost]))
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _of_one_seed(finished: list[Variant]) -> list[Variant]:
    """With the run of the seed that most of them have in the first place, where there is one."""
    seeds = Counter(run.seed for variant in finished for run in variant.runs)
    usual = max(seeds, key=lambda seed: (seeds[seed], -seed), default=0)
    return [replace(one, runs=sorted(one.runs, key=lambda run: run.seed != usual)) for one in finished]


def _curve(axes: Axes, variant: Variant, look: Style) -> None:
    loss = variant.runs[0].history()["loss"]
    drawn = thinned(smoothed(loss, window_for(len(loss))))
    axes.plot(drawn.index, drawn["mean"], **look)


def _floors(axes: Axes, variant: Variant, looks: pd.DataFrame, hue: str, values: int) -> None:
    """What the slope of a PReLU behind a norm leaves of the loss, wherever it was looked at."""
    if not variant.scores("prelu_loss").gt(0).any():
        return
    own = looks[(looks["variant"] == variant.name) & (looks["seed"] == variant.runs[0].seed) & (looks["layer"] == LAST)]
    words = "a dash: about the least that a PReLU behind the norm lets be reached"
    label = "_" if words in axes.get_legend_handles_labels()[1] else words
    least = prelu_floor(own["slope"], values)
    inside = least.between(*axes.get_ylim())  # no dash is clipped, so that those at the first step are whole
    axes.plot(own["step"][inside], least[inside], color=hue, label=label, **FLOOR)


def _frame(axes: Axes, channels: int) -> None:
    summed = f"squared error, summed over\n{SIDE**2 * channels:,} values of an image"
    axes.set(xlabel="training step", ylabel=f"training loss\n({summed})", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 4, 5, 10)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.01)
