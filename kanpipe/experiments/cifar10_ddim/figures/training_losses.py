"""The loss of the networks while they are trained."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from kanpipe.experiments.cifar10_ddim.words import Names
from kanpipe.reporting.plots import FULL, statement
from kanpipe.reporting.smoothing import smoothed, thinned, window_for
from kanpipe.reporting.style import Style
from kanpipe.reporting.variants import Variant

LINES = ("-", "--", ":", "-.")  # of networks of one colour, one after the other
GREY: Style = {"color": "#BBBBBB", "linewidth": 0.7, "zorder": 1}


def training(variants: list[Variant], names: Names, named: Sequence[str]) -> Figure:
    """The smoothed loss of every variant's first finished run; those that are not `named` in grey."""
    finished = [variant for variant in variants if variant.runs]
    if not finished:
        return statement("No network has finished its training")
    figure = Figure(figsize=(FULL, 3.2), layout="constrained")
    axes = figure.add_subplot()
    others = "other variants"
    windows = []
    hues = [names.look(variant.name)[0] for variant in finished if variant.name in named]
    lines = {hue: iter(LINES) for hue in hues}
    for variant in finished:
        bold, hue = variant.name in named, names.look(variant.name)[0]
        own: Style = {"color": hue, "zorder": 2, "label": names.title(variant.name)}
        look: Style = own | {"linestyle": next(lines[hue], "-")} if bold else GREY
        windows.append(_curve(axes, variant, look if bold else look | {"label": others}))
        others = "_" if not bold else others  # the legend names them once
    _frame(axes)
    lost = [f"{names.title(variant.name)} diverged" for variant in variants if not variant.runs]
    axes.set_title("; ".join([f"Mean of the {max(windows)} steps around", *lost]))
    axes.legend(loc="upper right", ncols=2)
    return figure


def _curve(axes: Axes, variant: Variant, look: dict) -> int:
    """Draws it and returns the window."""
    loss = variant.runs[0].history()["loss"]
    window = window_for(len(loss))
    drawn = thinned(smoothed(loss, window))
    axes.plot(drawn.index, drawn["mean"], **look)
    return window


def _frame(axes: Axes) -> None:
    axes.set(xlabel="training step", ylabel="training loss", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 4, 5, 10)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.01)
