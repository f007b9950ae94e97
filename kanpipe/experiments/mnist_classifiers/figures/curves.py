"""The figure of trainings: scores of the held-out images, epoch after epoch."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kanpipe.experiments.mnist_classifiers.figures.style import LINES, first_rows, look, name_and_size
from kanpipe.reporting.log_axes import log_y
from kanpipe.reporting.plots import FULL, MUTED, SMALL, statement
from kanpipe.reporting.variants import seeds_of
from kanpipe.runs import FINISHED

COLUMNS = {"validation_accuracy": "accuracy, %", "validation_loss": "nats an image"}


def curves(epochs: pd.DataFrame, best: pd.DataFrame, shown: list[str]) -> Figure:
    """Left the accuracy, right the loss of the held-out images: mean and range of the seeds that still train."""
    rows = {name: row for name, row in first_rows(best[best["status"] == FINISHED]).items() if name in shown}
    if not rows:
        return statement("Curves: no run of the networks to show has finished")
    figure = Figure(figsize=(FULL, 3.4), layout="constrained")
    panels = figure.subplots(1, len(COLUMNS))
    widths = _widths(rows)
    for axes, (column, name) in zip(panels, COLUMNS.items(), strict=True):
        for net, row in rows.items():
            _curve(axes, _of_chosen_runs(epochs, best, net), column, row, widths[net])
        axes.set(xlabel="epoch", ylabel=f"held-out images: {name}")
    panels[0].set_ylim(_floor(epochs, best, rows), min(100, panels[0].get_ylim()[1]))
    log_y(panels[1])
    for axes in panels:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    shown_runs = best[best["variant"].isin(rows)]
    note = f"mean and range of those of {seeds_of(shown_runs)}\nthat still train"
    panels[0].text(0.98, 0.02, note, transform=panels[0].transAxes, ha="right", va="bottom", size=SMALL, color=MUTED)
    return figure


def _of_chosen_runs(epochs: pd.DataFrame, best: pd.DataFrame, net: str) -> pd.DataFrame:
    """The epochs of the runs of a network at the learning rate that it is given."""
    own = best[best["variant"] == net]
    same = (epochs["variant"] == own["trained_as"].iloc[0]) & epochs["seed"].isin(own["seed"])
    return epochs[same]


def _widths(rows: dict[str, pd.Series]) -> dict[str, float]:
    """Of lines: those of networks with the same extractor and head are the wider the more parameters they have."""
    looks = {net: (row["extractor"], row["head"], row["published_gradient"]) for net, row in rows.items()}
    return {
        net: 1.0 + sum(looks[other] == looks[net] and rows[other]["parameters"] < row["parameters"] for other in rows)
        for net, row in rows.items()
    }


def _curve(axes: Axes, epochs: pd.DataFrame, column: str, row: pd.Series, width: float) -> None:
    groups = epochs.groupby("epoch")[column]
    mean, low, high = groups.mean(), groups.min(), groups.max()
    hue, mark = look(row)
    axes.fill_between(mean.index, low, high, color=hue, alpha=0.2, linewidth=0)
    axes.plot(
        mean.index,
        mean,
        color=hue,
        linestyle=LINES[row["extractor"]],
        linewidth=width,
        label=name_and_size(row),
        marker=mark,
        markersize=3.5,
        markevery=max(1, len(mean) // 8),
    )


def _floor(epochs: pd.DataFrame, best: pd.DataFrame, rows: dict[str, pd.Series]) -> float:
    """Where the axis of accuracies begins: the first epochs, far below the rest, may lie under it."""
    later = [_of_chosen_runs(epochs, best, net) for net in rows]
    values = [found[found["epoch"] > found["epoch"].max() / 10]["validation_accuracy"] for found in later]
    least, most = min(float(own.quantile(0.02)) for own in values), max(float(own.max()) for own in values)
    return least - 0.05 * (most - least) - 0.1
