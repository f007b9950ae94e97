"""The figure of trainings: scores of the held-out images, epoch after epoch."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kanpipe.experiments.mnist_classifiers.figures.style import LINES, first_rows, looks, name_and_size
from kanpipe.reporting.log_axes import log_y
from kanpipe.reporting.plots import FULL, statement
from kanpipe.reporting.style import Look, Style
from kanpipe.reporting.variants import seeds_of
from kanpipe.runs import FINISHED

COLUMNS = {"misread": "misread held-out images, %", "validation_loss": "held-out images: nats an image"}
HEIGHT = 3.1  # inches of a row of panels with its legend


def curves(epochs: pd.DataFrame, best: pd.DataFrame, shown: list[str]) -> Figure:
    """Left the errors, right the loss on held-out images: mean and range of the seeds, as long as all of them train.

    Above the networks with an extractor, below the heads on pixels: those to be `shown`, or all if none of a kind is.
    """
    rows = first_rows(best[best["status"] == FINISHED])
    groups = {title: nets for title, nets in _groups(rows, shown).items() if nets}
    if not groups:
        return statement("Curves: no run of the networks to show has finished")
    figure = Figure(figsize=(FULL, HEIGHT * len(groups)), layout="constrained")
    parts = figure.subfigures(len(groups), 1, squeeze=False)[:, 0]
    for part, (title, nets), letters in zip(parts, groups.items(), ("ab", "cd"), strict=False):
        rows_of = {net: _of_chosen_runs(epochs, best, net) for net in nets}
        panels = part.subplots(1, len(COLUMNS))
        for axes, letter, (column, words) in zip(panels, letters, COLUMNS.items(), strict=True):
            _panel(axes, column, rows_of, nets)
            axes.set(title=f"{letter}  {title}", xlabel="epoch", ylabel=words)
        words = f"mean and range of {seeds_of(best[best['variant'].isin(nets)])}, as long as all of them train"
        style: Style = {"ncols": 2, "title": words, "columnspacing": 2}
        part.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", **style)
    return figure


def _groups(rows: dict[str, pd.Series], shown: list[str]) -> dict[str, dict[str, pd.Series]]:
    found = {}
    for title, on_pixels in (("Networks with an extractor", False), ("Heads on pixels", True)):
        own = {net: row for net, row in rows.items() if (row["extractor"] == "none") == on_pixels}
        found[title] = {net: own[net] for net in shown if net in own} or own
    return found


def _of_chosen_runs(epochs: pd.DataFrame, best: pd.DataFrame, net: str) -> pd.DataFrame:
    """The epochs of the runs of a network at the learning rate that it is given, as long as all of them train."""
    own = best[best["variant"] == net]
    rows = epochs[(epochs["variant"] == own["trained_as"].iloc[0]) & epochs["seed"].isin(own["seed"])]
    least = 50 / own["validation_images"].iloc[0]  # half an image, where none is misread: the axis is logarithmic
    misread = (100 - rows["validation_accuracy"]).clip(lower=least)
    return rows.assign(misread=misread)[rows["epoch"] <= rows.groupby("seed")["epoch"].max().min()]


def _panel(axes: Axes, column: str, epochs: dict[str, pd.DataFrame], nets: dict[str, pd.Series]) -> None:
    for net, look in looks(nets).items():
        _curve(axes, epochs[net].groupby("epoch")[column].agg(["mean", "min", "max"]), nets[net], look)
    log_y(axes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _curve(axes: Axes, points: pd.DataFrame, row: pd.Series, look: Look) -> None:
    hue, mark = look
    axes.fill_between(points.index, points["min"], points["max"], color=hue, alpha=0.2, linewidth=0)
    style: Style = {"marker": mark, "markersize": 3.5, "markevery": max(1, len(points) // 8)}
    if row["published_gradient"]:
        style |= {"markerfacecolor": "white"}
    label = name_and_size(row)
    axes.plot(points.index, points["mean"], color=hue, linestyle=LINES[row["extractor"]], label=label, **style)
