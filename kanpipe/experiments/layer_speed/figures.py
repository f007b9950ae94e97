"""The figures of the experiment: times and memory in every set-up, and the published ratios beside ours."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, StrMethodFormatter

from kanpipe.experiments.layer_speed.config import Experiment
from kanpipe.experiments.layer_speed.outputs import FIGURES
from kanpipe.experiments.layer_speed.published import REPORTED, Reported
from kanpipe.experiments.layer_speed.words import CONTENDERS, colour, in_order, setup_words, words
from kanpipe.reporting.plots import FULL, GENERATED, INK, MUTED, SMALL, house_style, save, statement
from kanpipe.reporting.style import Style
from kanpipe.runs import FinishedRun

STYLES: dict[str, Style] = {"eager": {"markerfacecolor": "white"}, "compiled": {}}
SHIFTS = {"eager": 0.16, "compiled": -0.16}
MARKS: Style = {"marker": "o", "markersize": 4, "linestyle": "none", "elinewidth": 1, "markeredgewidth": 1}
TICKS, MORE_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100), (1.5, 3)


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF."""
    rows = frames["runs"]
    rows = rows[rows["precision"] == rows["precision"].iloc[0]]
    drawn = (_panels(rows, _speed), _panels(rows, _memory), _published(rows))
    with house_style():
        for stem, draw in zip(FIGURES, drawn, strict=True):
            save(draw(), out / stem)


def _panels(rows: pd.DataFrame, draw: Callable[[Axes, pd.DataFrame, dict[str, int]], None]) -> Callable[[], Figure]:
    """A figure with a panel a set-up, in each a line a contender."""
    setups = list(rows["setup"].unique())
    places = {name: -index for index, name in enumerate(in_order(rows["variant"]))}
    lines = -(-len(setups) // 2)

    def make() -> Figure:
        figure = Figure(figsize=(FULL, 0.55 + lines * (0.42 + 0.14 * len(places))), layout="constrained")
        grid = figure.subplots(lines, 2, sharey=True, squeeze=False)
        for axes, setup in zip(grid.flat, setups, strict=False):
            own = rows[rows["setup"] == setup]
            draw(axes, own, places)
            axes.set_title(setup_words(own.iloc[0]), size=SMALL)
            axes.set_yticks(list(places.values()), [words(name) for name in places])
            axes.set_ylim(min(places.values()) - 0.6, 0.6)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="x", color="#E4E4E4", linewidth=0.5)
            axes.set_axisbelow(True)
        for axes in list(grid.flat)[len(setups) :]:
            axes.axis("off")
        figure.legend(handles=_modes(rows), loc="outside lower right", ncols=2)
        figure.supxlabel((draw.__doc__ or "").splitlines()[0].rstrip("."), size=SMALL, x=0.02, ha="left")
        return figure

    return make


def _modes(rows: pd.DataFrame) -> list[Line2D]:
    style: Style = {"marker": "o", "markersize": 4, "linestyle": "none", "color": MUTED}
    return [Line2D([], [], label=mode, **style, **STYLES[mode]) for mode in STYLES if mode in set(rows["mode"])]


def _speed(axes: Axes, rows: pd.DataFrame, places: dict[str, int]) -> None:
    """Forward and backward pass, as a multiple of the floor's time (logarithmic; bars: 95 % intervals)."""
    for _, row in rows.iterrows():
        if pd.notna(row.get("both_over_floor")):
            _point(axes, row, "both_over_floor", places[row["variant"]], colour(row["variant"]))
    _ratio_axis(axes)


def _ratio_axis(axes: Axes) -> None:
    """Logarithmic, with a line at 1 and as many ticks as there is room for."""
    axes.set_xscale("log")
    axes.axvline(1, color=MUTED, linewidth=0.8, zorder=1)
    low, high = axes.get_xlim()
    ticks = TICKS + (MORE_TICKS if high / low < 100 else ())
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _memory(axes: Axes, rows: pd.DataFrame, places: dict[str, int]) -> None:
    """MiB kept for the backward pass beyond input and parameters."""
    for _, row in rows.iterrows():
        place, hue = places[row["variant"]] + SHIFTS[row["mode"]], colour(row["variant"])
        axes.plot([0, row["saved_mib"]], [place, place], color=hue, linewidth=0.8)
        axes.plot([row["saved_mib"]], [place], color=hue, marker="o", markersize=4, **STYLES[row["mode"]])
    axes.set_xlim(left=0)


def _point(axes: Axes, row: pd.Series, column: str, place: float, colour: str) -> None:
    """A ratio with its interval, if there is one."""
    value, ends = row[column], row[[f"{column}_low", f"{column}_high"]].to_numpy(dtype=float)
    error = None if np.isnan(ends).any() else np.abs(ends - value)[:, None]
    axes.errorbar([value], [place + SHIFTS[row["mode"]]], xerr=error, color=colour, **MARKS, **STYLES[row["mode"]])


def _published(rows: pd.DataFrame) -> Callable[[], Figure]:
    """The published ratios and ours."""
    found = [(reported, _ours(reported, rows)) for reported in REPORTED]
    found = [(reported, ours) for reported, ours in found if len(ours)]

    def make() -> Figure:
        if not found:
            return statement("No set-up whose times were published was timed")
        figure = Figure(figsize=(FULL, 0.9 + 0.5 * len(found)), layout="constrained")
        axes = figure.add_subplot(xlabel="time of the first over that of the second (logarithmic)")
        for place, (reported, ours) in enumerate(found):
            axes.plot([reported.ratio], [-place], color=GENERATED, marker="D", markersize=5, linestyle="none")
            for _, row in ours.iterrows():
                _point(axes, row, f"{reported.phase}_over_{reported.right}", -place, INK)
        _ratio_axis(axes)
        axes.set_yticks([-place for place in range(len(found))], [_claim(*pair) for pair in found])
        axes.set_ylim(-len(found) + 0.4, 0.6)
        dot: Style = {"marker": "o", "markersize": 4, "linestyle": "none", "color": INK}
        diamond: Style = dot | {"marker": "D", "markersize": 5, "color": GENERATED}
        shown = [mode for mode in STYLES if mode in set(rows["mode"])]
        modes = [Line2D([], [], label=f"measured, {mode}", **dot, **STYLES[mode]) for mode in shown]
        told = Line2D([], [], label="reported, on a GPU", **diamond)
        device = textwrap.fill(f"measured on {rows['device'].iloc[0]}", 60)
        figure.legend(handles=[told, *modes], loc="outside upper left", ncols=3, title=device, alignment="left")
        return figure

    return make


def _ours(reported: Reported, rows: pd.DataFrame) -> pd.DataFrame:
    column = f"{reported.phase}_over_{reported.right}"
    own = rows[(rows["setup"] == reported.setup) & (rows["variant"] == reported.left)]
    return own[own[column].notna()] if column in own else own.iloc[:0]


def _claim(reported: Reported, ours: pd.DataFrame) -> str:
    phase = "forward and backward" if reported.phase == "both" else reported.phase
    first = f"{CONTENDERS[reported.left]} / {CONTENDERS[reported.right]}, {phase}"
    return f"{first}\n{setup_words(ours.iloc[0])} ({reported.source})"
