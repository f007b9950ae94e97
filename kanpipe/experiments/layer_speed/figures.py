"""The figures of the experiment: times in every set-up, and the published ratios beside ours."""

import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, StrMethodFormatter

from kanpipe.experiments.layer_speed.config import Experiment
from kanpipe.experiments.layer_speed.published import REPORTED, Reported
from kanpipe.experiments.layer_speed.words import CONTENDERS, colour, in_order, setup_words, words
from kanpipe.reporting.plots import CONTRAST, FULL, MUTED, SMALL, draw, statement
from kanpipe.reporting.style import Style
from kanpipe.runs import FinishedRun

STYLES: dict[str, Style] = {"eager": {"markerfacecolor": "white"}, "compiled": {}}
SHIFTS = {"eager": 0.16, "compiled": -0.16}
MARKS: Style = {"marker": "o", "markersize": 4, "linestyle": "none", "elinewidth": 1, "markeredgewidth": 1}
REPORTED_HUE, MEASURED = CONTRAST
REPORTED_MARK: Style = {
    "marker": "x",
    "markersize": 6,
    "markeredgewidth": 1.5,
    "linestyle": "none",
    "color": REPORTED_HUE,
}
TICKS, MORE_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100), (1.5, 3)
ACROSS = 3  # panels beside each other
BAND = "#D9D9D4"
SHAPE = ["widths", "batch", "bases", "layer_norm"]  # what a set-up is but for the numbers that it lets pass


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF."""
    rows = frames["runs"]
    rows = rows[rows["precision"] == rows["precision"].iloc[0]]
    draw({"speed": partial(_speed, rows), "published_ratios": partial(_published, rows)}, out)


def _speed(rows: pd.DataFrame) -> Figure:
    """Forward and backward pass over the floor's time: a panel a set-up, all on one axis, with a line a contender."""
    rows = _with_one_twin(rows[rows["both_over_floor"].notna()])
    setups = list(rows["setup"].unique())
    places = {name: -index for index, name in enumerate(in_order(set(rows["variant"]) - {"floor"}))}
    lines = -(-len(setups) // ACROSS)
    figure = Figure(figsize=(FULL, 0.75 + lines * (0.5 + 0.125 * len(places))), layout="constrained")
    grid = figure.subplots(lines, ACROSS, sharex=True, sharey=True, squeeze=False)
    for axes, setup in zip(grid.flat, setups, strict=False):
        _setup(axes, rows[rows["setup"] == setup], places)
    for place, axes in enumerate(grid.flat):
        axes.tick_params(labelbottom=True)
        if place >= len(setups):
            axes.axis("off")
    _ratio_axis(grid[0, 0])
    grid[0, 0].set_yticks(list(places.values()), [words(name) for name in places])
    grid[0, 0].set_ylim(min(places.values()) - 0.6, 0.6)
    count = f"{rows['rounds'].max():.0f} rounds, {rows['threads'].max():.0f} thread, {rows['device'].iloc[0]}"
    title = f"Forward and backward pass as a multiple of the floor's time (logarithmic); bars: 95 % intervals; {count}"
    figure.suptitle("\n".join(textwrap.wrap(title, 115)), x=0.01, ha="left", size=SMALL)
    figure.legend(handles=_modes(rows), loc="outside lower right", ncols=3)
    return figure


def _with_one_twin(rows: pd.DataFrame) -> pd.DataFrame:
    """Without those set-ups that were timed without denormal numbers too, which differ in nothing else."""
    if "flush_denormals" not in rows:
        return rows
    flushed = rows["flush_denormals"].isin([True, "True"])
    twins = rows.loc[flushed, SHAPE].drop_duplicates().assign(twin=True)
    return rows[flushed | rows[SHAPE].merge(twins, how="left", on=SHAPE)["twin"].isna().to_numpy()]


def _setup(axes: Axes, rows: pd.DataFrame, places: dict[str, int]) -> None:
    axes.set_title("\n".join(textwrap.wrap(setup_words(rows.iloc[0]), 32)), size=SMALL)
    floor = rows[rows["variant"] == "floor"].iloc[0]
    axes.axvspan(*(floor[["both_ms_q1", "both_ms_q3"]] / floor["both_ms"]), color=BAND, linewidth=0, zorder=0)
    for _, row in rows[rows["variant"] != "floor"].iterrows():
        _point(axes, row, "both_over_floor", places[row["variant"]], colour(row["variant"]))
    for name in places.keys() - set(rows["variant"]):
        axes.text(
            0.02, places[name], "no such layer", va="center", size=6, color=MUTED, transform=axes.get_yaxis_transform()
        )
    axes.axvline(1, color=MUTED, linewidth=0.8, zorder=1)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#E4E4E4", linewidth=0.5)
    axes.set_axisbelow(True)


def _modes(rows: pd.DataFrame) -> list[Line2D | Patch]:
    style: Style = {"marker": "o", "markersize": 4, "linestyle": "none", "color": MUTED}
    modes = [Line2D([], [], label=mode, **style, **STYLES[mode]) for mode in STYLES if mode in set(rows["mode"])]
    return [*modes, Patch(color=BAND, label="quartiles of the floor's own rounds")]


def _ratio_axis(axes: Axes) -> None:
    """Logarithmic, with as many ticks as there is room for."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    ticks = TICKS + (MORE_TICKS if high / low < 10 else ())
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _point(axes: Axes, row: pd.Series, column: str, place: float, colour: str) -> None:
    """A ratio with its interval, if there is one."""
    value, ends = row[column], row[[f"{column}_low", f"{column}_high"]].to_numpy(dtype=float)
    error = None if np.isnan(ends).any() else np.abs(ends - value)[:, None]
    axes.errorbar([value], [place + SHIFTS[row["mode"]]], xerr=error, color=colour, **MARKS, **STYLES[row["mode"]])


def _published(rows: pd.DataFrame) -> Figure:
    """The published ratios and ours."""
    found = [(reported, _ours(reported, rows)) for reported in REPORTED]
    found = [(reported, ours) for reported, ours in found if len(ours)]
    if not found:
        return statement("No set-up whose times were published was timed")
    figure = Figure(figsize=(FULL, 0.9 + 0.5 * len(found)), layout="constrained")
    axes = figure.add_subplot(xlabel="time of the first over that of the second (logarithmic)")
    for place, (reported, ours) in enumerate(found):
        _reported(axes, reported, -place)
        for _, row in ours.iterrows():
            _point(axes, row, f"{reported.phase}_over_{reported.right}", -place, MEASURED)
    axes.axvline(1, color=MUTED, linewidth=0.8, zorder=1)
    _ratio_axis(axes)
    axes.set_yticks([-place for place in range(len(found))], [_claim(*pair) for pair in found])
    axes.set_ylim(-len(found) + 0.4, 0.6)
    dot: Style = {"marker": "o", "markersize": 4, "linestyle": "none", "color": MEASURED}
    shown = [mode for mode in STYLES if mode in set(rows["mode"])]
    modes = [Line2D([], [], label=f"measured, {mode}, 95 %", **dot, **STYLES[mode]) for mode in shown]
    told = Line2D([], [], label="reported, on the GPU named beside it", **REPORTED_MARK)
    title = f"Measured on {rows['device'].iloc[0]}; the bar of a reported ratio is its printed spread"
    figure.legend(handles=[told, *modes], loc="outside upper left", ncols=3, title=title, alignment="left")
    return figure


def _reported(axes: Axes, reported: Reported, place: float) -> None:
    """What was printed, with a bar where a spread was."""
    error = None if reported.ends is None else np.abs(np.array(reported.ends) - reported.ratio)[:, None]
    axes.errorbar([reported.ratio], [place], xerr=error, elinewidth=1, **REPORTED_MARK)


def _ours(reported: Reported, rows: pd.DataFrame) -> pd.DataFrame:
    column = f"{reported.phase}_over_{reported.right}"
    own = rows[(rows["setup"] == reported.setup) & (rows["variant"] == reported.left)]
    return own[own[column].notna()] if column in own else own.iloc[:0]


def _claim(reported: Reported, ours: pd.DataFrame) -> str:
    phase = "forward and backward" if reported.phase == "both" else reported.phase
    first = f"{CONTENDERS[reported.left]} / {CONTENDERS[reported.right]}, {phase}"
    return f"{first}\n{setup_words(ours.iloc[0])} ({reported.source})"
