"""The figure of what accuracy costs: parameters, and the time of a step of training."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kanpipe.experiments.mnist_classifiers.figures.style import SIZES, look, name_and_size
from kanpipe.experiments.mnist_classifiers.parts import NET
from kanpipe.experiments.mnist_classifiers.words import head_name
from kanpipe.reporting.log_axes import log_log
from kanpipe.reporting.plots import FULL, MUTED, SMALL, statement
from kanpipe.reporting.style import Style
from kanpipe.reporting.variants import seeds_of
from kanpipe.runs import FINISHED


def cost(best: pd.DataFrame, speed: pd.DataFrame) -> Figure:
    """Left the test errors of every network against its parameters, right how long a step of those timed takes.

    Steps are timed in turns; the minutes of whole trainings, which shared their machine, are not comparable.
    """
    finished = best[best["status"] == FINISHED]
    if finished.empty:
        return statement("Accuracy against its cost: no run has finished")
    figure = Figure(figsize=(FULL, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for _, rows in finished.groupby("variant", sort=False):
        _network(left, rows)
    log_log(left)
    left.set(title="a  Errors and size", xlabel="parameters", ylabel="misread test images, %")
    _steps(right, speed[speed["part"].str.startswith(NET)])
    words = f"a: mean ± standard deviation of {seeds_of(finished)}; the larger the mark, the larger the extractor"
    handles, labels = left.get_legend_handles_labels()
    place: Style = {"loc": "outside lower left", "ncols": 3, "columnspacing": 1.5, "alignment": "left"}
    figure.legend(handles, labels, title=words, title_fontsize=SMALL, **place)
    return figure


def _network(axes: Axes, rows: pd.DataFrame) -> None:
    """Its mean, with the standard deviation of the seeds; hollow with the published gradient."""
    row, errors = rows.iloc[0], 100 - rows["accuracy"]
    hue, mark = look(row)
    axes.errorbar(
        row["parameters"],
        errors.mean(),
        errors.std(ddof=1) if len(errors) > 1 else 0.0,
        color=hue,
        marker=mark,
        markerfacecolor="white" if row["published_gradient"] else hue,
        markersize=SIZES[row["extractor"]],
        linestyle="none",
        elinewidth=0.8,
        capsize=2 if len(errors) > 1 else 0,
        label=name_and_size(row),
    )


def _steps(axes: Axes, rows: pd.DataFrame) -> None:
    """A row a network: the ratio of its step to that of the first, with an interval."""
    names = [
        f"{row['extractor']}, {head_name(row['head'])}{row['part'].removeprefix(NET)}" for _, row in rows.iterrows()
    ]
    for place, (_, row) in enumerate(rows.iterrows()):
        hue, mark = look(row)
        ends = [[row["step_ratio"] - row["step_low"]], [row["step_high"] - row["step_ratio"]]]
        style: Style = {"color": hue, "marker": mark, "markersize": 3.5, "elinewidth": 1, "capsize": 2}
        axes.errorbar([row["step_ratio"]], [-place], xerr=ends, **style)
    axes.axvline(1, color=MUTED, linewidth=0.7, zorder=0)
    axes.set_yticks(
        [-place for place in range(len(names))], [name.replace(", published", ",\npublished") for name in names]
    )
    axes.set(title=f"b  Step of training over that of {names[0]}", xlabel=_timed(rows))
    axes.set_xlim(0, 1.08 * axes.get_xlim()[1])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.margins(y=0.1)


def _timed(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    taken = f"ratio of times; bars: 95 % of {row['rounds']:.0f} rounds in turns"
    return f"{taken}\n{row['device']}, threads: {row['threads']}, batch {row['batch']}"
