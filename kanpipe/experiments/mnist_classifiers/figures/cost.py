"""The figure of what accuracy costs."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpipe.experiments.mnist_classifiers.figures.style import MARKERS, colour, name_and_size
from kanpipe.reporting.log_axes import log_x
from kanpipe.reporting.plots import FULL, statement
from kanpipe.runs import FINISHED

COSTS = {"parameters": "parameters", "minutes": "minutes of training"}


def cost(best: pd.DataFrame) -> Figure:
    """The test accuracy of every network against its parameters and against the time of its training."""
    finished = best[best["status"] == FINISHED]
    if finished.empty:
        return statement("Accuracy against its cost: no run has finished")
    figure = Figure(figsize=(FULL, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, (column, name) in zip((left, right), COSTS.items(), strict=True):
        for _, rows in finished.groupby("variant", sort=False):
            _network(axes, rows, column)
        log_x(axes)
        axes.set_xlabel(name)
    left.set_ylabel("test accuracy, %")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, columnspacing=1.5)
    return figure


def _network(axes: Axes, rows: pd.DataFrame, column: str) -> None:
    """Its mean, with the standard deviation of the seeds; hollow with the published gradient."""
    row, values = rows.iloc[0], rows["accuracy"]
    axes.errorbar(
        rows[column].clip(lower=1e-3).mean(),
        values.mean(),
        values.std(ddof=1) if len(values) > 1 else 0.0,
        color=colour(row),
        marker=MARKERS[row["extractor"]],
        markerfacecolor="white" if row["published_gradient"] else colour(row),
        markersize=5,
        linestyle="none",
        elinewidth=0.8,
        capsize=2 if len(values) > 1 else 0,
        label=name_and_size(row),
    )
