"""The figure of the experiment: what range and initialisation do to the accuracy, and why."""

from itertools import cycle
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kanpipe.experiments.range_init.config import Experiment
from kanpipe.experiments.range_init.outputs import FIGURES
from kanpipe.experiments.range_init.published import ACCURACY
from kanpipe.experiments.range_init.tables import were_published
from kanpipe.reporting.plots import FULL, INK, MUTED, SMALL, draw, statement
from kanpipe.reporting.style import FAMILY_COLOURS, SHADES, Style
from kanpipe.reporting.tables import FINISHED
from kanpipe.reporting.variants import seeds, seeds_of
from kanpipe.runs import FinishedRun

ORANGE, GOLD, DARK, PALE = SHADES["kan"]
COLOURS = {"pykan": DARK, "kaiming": ORANGE, "power_law": GOLD, "torch_conv_kan": PALE}  # all are KANs
NAMES = {"kaiming": "Kaiming (efficient-kan)", "power_law": "power law", "torch_conv_kan": "torch-conv-kan"}
MARKERS = "os^Dv"
DASHES: tuple[Literal["--", ":", "-."], ...] = ("--", ":", "-.")  # of MLPs
APART = 1.06  # the factor on the axis of ranges from one initialisation to the next, so that no mark hides another


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figure of `OUTPUTS` into the folder `out`, as PNG and PDF."""
    rows, epochs = (frame[frame["status"] == FINISHED] for frame in (frames["runs"], frames["epochs"]))
    draw({FIGURES[0]: lambda: _figure(rows, epochs)}, out)


def _figure(rows: pd.DataFrame, epochs: pd.DataFrame) -> Figure:
    if rows["range"].isna().all():
        return statement("No KAN has finished its training")
    figure = Figure(figsize=(FULL, 3.3), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    kans, mlps = rows[rows["range"].notna()], rows[rows["range"].isna()]
    shapes = dict(zip(sorted(kans["range"].unique()), cycle(MARKERS), strict=False))
    published = were_published(rows)
    _by_range(left, kans, mlps, shapes, published)
    courses = epochs[epochs["range"].notna()]
    _over_training(middle, courses, "accuracy", shapes)
    _over_training(right, courses, "outside_hidden", shapes)
    _mlp(middle, mlps)
    low, high = left.get_ylim()
    below = "\n(the first ones lie below the axis)" if courses["accuracy"].min() < low else ""
    middle.set(title=f"b  Over the epochs{below}", ylabel="test accuracy, %", ylim=(low, high))
    right.set(title="c  Values that leave", ylabel="hidden values outside the grid, %", ylim=(-4, 104))
    _legend(figure, kans, shapes, mlps, published)
    return figure


def _by_range(axes: Axes, kans: pd.DataFrame, mlps: pd.DataFrame, shapes: dict[float, str], published: bool) -> None:
    """Accuracy against range: a line through the means of an initialisation, a mark for each seed."""
    ranges, inits = sorted(kans["range"].unique()), list(kans["init"].unique())
    for place, (init, rows) in enumerate(kans.groupby("init", sort=False)):
        shift = APART ** (place - (len(inits) - 1) / 2)
        means = rows.groupby("range")["accuracy"].mean()
        axes.plot(means.index * shift, means, color=COLOURS[init], linewidth=1)
        for reach, found in rows.groupby("range"):
            style: Style = {
                "color": COLOURS[init],
                "markersize": 4.5,
                "markeredgecolor": "white",
                "markeredgewidth": 0.4,
            }
            axes.plot(found["range"] * shift, found["accuracy"], shapes[reach], zorder=3, **style)
    if published:
        reach, values = zip(*((r, v) for r, pair in ACCURACY.items() for v in pair), strict=True)
        left = [r / APART ** (len(inits) / 2 + 0.5) for r in reach]
        axes.plot(left, values, "_", color=COLOURS["pykan"], markersize=6, markeredgewidth=1.2)
    _mlp(axes, mlps)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ranges, [_interval(reach) for reach in ranges])
    axes.minorticks_off()
    axes.set_xlim(ranges[0] / 1.3, ranges[-1] * 1.3)
    axes.set(title="a  Range and initialisation", xlabel="range of the splines", ylabel="test accuracy, %")
    words = f"a mark is a run ({seeds_of(kans)})"
    axes.text(0.98, 0.02, words, transform=axes.transAxes, ha="right", va="bottom", size=SMALL, color=MUTED)


def _over_training(axes: Axes, epochs: pd.DataFrame, column: str, shapes: dict[float, str]) -> None:
    """A column at the end of every epoch kept, the start as epoch 0: mean and range of the seeds."""
    for (init, reach), rows in epochs.groupby(["init", "range"], sort=False):
        values = rows.groupby("epoch")[column]
        mean = values.mean()
        axes.fill_between(mean.index, values.min(), values.max(), color=COLOURS[init], alpha=0.13, linewidth=0)
        axes.plot(mean.index, mean, color=COLOURS[init], marker=shapes[reach], markersize=3, linewidth=0.9)
    axes.set_xlabel("epoch")


def _mlp(axes: Axes, mlps: pd.DataFrame) -> None:
    for (_, rows), dashes in zip(mlps.groupby("variant", sort=False), cycle(DASHES), strict=False):
        axes.axhline(rows["accuracy"].mean(), color=FAMILY_COLOURS["mlp"], linewidth=1, linestyle=dashes)


def _interval(reach: float) -> str:
    return f"[−{reach:g}, {reach:g}]"


def _legend(figure: Figure, kans: pd.DataFrame, shapes: dict[float, str], mlps: pd.DataFrame, published: bool) -> None:
    """A column of initialisations, one of ranges, and what else there is."""
    lines = [Line2D([], [], color=COLOURS[init], label=NAMES.get(init, init)) for init in kans["init"].unique()]
    handles: list[Line2D | Patch] = [*lines]
    handles += [_dot(shape, _interval(reach)) for reach, shape in shapes.items()]
    for (_, rows), dashes in zip(mlps.groupby("variant", sort=False), cycle(DASHES), strict=False):
        words = f"MLP ({rows['parameters'].iloc[0]:,} parameters), mean of {seeds(len(rows))}"
        handles.append(Line2D([], [], color=FAMILY_COLOURS["mlp"], linestyle=dashes, label=words))
    if published:
        handles.append(_dot("_", "published, best of 20 epochs", color=COLOURS["pykan"]))
    handles.append(Patch(color=MUTED, alpha=0.2, linewidth=0, label="b, c: mean and range of the seeds, which overlap"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, handlelength=1.6, columnspacing=2.5)


def _dot(shape: str, words: str, color: str = INK, **style: Any) -> Line2D:
    return Line2D([], [], color=color, marker=shape, markersize=4.5, linestyle="none", label=words, **style)
