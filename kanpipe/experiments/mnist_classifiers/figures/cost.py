"""The figure of what accuracy costs: parameters, the time of an epoch, and that of a step of training."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kanpipe.experiments.mnist_classifiers.figures.style import SIZES, first_rows, looks, name, name_and_size
from kanpipe.experiments.mnist_classifiers.parts import NET
from kanpipe.reporting.log_axes import log_log
from kanpipe.reporting.plots import FULL, MUTED, SMALL, statement
from kanpipe.reporting.style import Look, Style
from kanpipe.reporting.variants import seeds_of
from kanpipe.runs import FINISHED

ROW = 0.27  # inches
ERRORS = "misread test images, %"


def cost(best: pd.DataFrame, speed: pd.DataFrame) -> Figure:
    """Above the test errors of every network against its parameters and against the seconds of an epoch of its
    trainings, which shared their machine; below how long a step takes of those that were timed in turns, and that have
    an extractor, or none, as the first has: steps of the others are hundreds of times as short, or as long.
    """
    finished = best[best["status"] == FINISHED]
    if finished.empty:
        return statement("Accuracy against its cost: no run has finished")
    timed = speed[speed["part"].str.startswith(NET)]
    timed = timed[(timed["extractor"] == "none") == (timed["extractor"] == "none").iloc[:1].all()]
    figure = Figure(figsize=(FULL, 4.8 + ROW * len(timed)), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(4, ROW * len(timed) + 0.8))[:, 0]
    left, right = above.subplots(1, 2)
    styles = looks(first_rows(finished))
    for net, rows in finished.groupby("variant", sort=False):
        _network(left, rows, "parameters", styles[str(net)])
        _network(right, rows, "seconds_per_epoch", styles[str(net)])
    log_log(left)
    log_log(right)
    left.set(title="a  Errors and size", xlabel="parameters", ylabel=ERRORS)
    same = finished["device"].nunique() == 1
    machines = "the machine did other things too" if same else "machines differ"
    right.set(title="b  Errors and time, roughly", xlabel=f"seconds an epoch ({machines})")
    _steps(below.add_subplot(), timed, finished)
    bars = "± standard deviation of errors, range of times"
    words = f"a, b: mean of {seeds_of(finished)}, {bars}; large marks: with extractor"
    handles, labels = left.get_legend_handles_labels()
    place: Style = {"loc": "outside lower left", "ncols": 2, "columnspacing": 1.5, "alignment": "left"}
    above.legend(handles, labels, title=words, title_fontsize=SMALL, **place)
    return figure


def _network(axes: Axes, rows: pd.DataFrame, costs: str, look: Look) -> None:
    """Means, with the seeds' standard deviation of errors and range of costs; hollow with the published gradient."""
    row, errors, (hue, mark) = rows.iloc[0], 100 - rows["accuracy"], look
    several, spent = len(rows) > 1, rows[costs]
    axes.errorbar(
        spent.mean(),
        errors.mean(),
        yerr=errors.std(ddof=1) if several else 0.0,
        xerr=[[spent.mean() - spent.min()], [spent.max() - spent.mean()]] if spent.nunique() > 1 else None,
        color=hue,
        marker=mark,
        markerfacecolor="white" if row["published_gradient"] else hue,
        markersize=SIZES[row["extractor"]],
        linestyle="none",
        elinewidth=0.8,
        capsize=2 if several else 0,
        label=name_and_size(row),
    )


def _steps(axes: Axes, timed: pd.DataFrame, finished: pd.DataFrame) -> None:
    """A row a network: the ratio of its step to that of the first, with an interval, and the errors if trained."""
    errors = 100 - finished.groupby("variant")["accuracy"].mean()
    names, styles = [], looks(first_rows(timed.drop_duplicates("variant")))
    for place, (_, row) in enumerate(timed.iterrows()):
        hue, mark = styles[row["variant"]]
        ends = [[row["step_ratio"] - row["step_low"]], [row["step_high"] - row["step_ratio"]]]
        style: Style = {"color": hue, "marker": mark, "markersize": 3.5, "elinewidth": 1, "capsize": 2}
        axes.errorbar([row["step_ratio"]], [-place], xerr=ends, **style)
        names.append(f"{name(row)}{row['part'].removeprefix(NET)}: {_trained(row, errors)}")
    axes.axvline(1, color=MUTED, linewidth=0.7, zorder=0)
    axes.set_yticks([-place for place in range(len(names))], names)
    axes.set(title=f"c  Step of training over that of the {name(timed.iloc[0])}", xlabel=_timed(timed))
    axes.set_xlim(0, 1.08 * axes.get_xlim()[1])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.margins(y=0.1)


def _trained(row: pd.Series, errors: pd.Series) -> str:
    if row["part"] != NET:
        return "timed alone"
    return f"misread {errors[row['variant']]:.2f} %" if row["variant"] in errors else "not trained"


def _timed(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    taken = f"ratio of times; bars: 95 % of {row['rounds']:.0f} rounds in turns"
    return f"{taken}\n{row['device']}, threads: {row['threads']}, batch {row['batch']}"
