"""The quality of samples: of every training, and against its parameters, operations and time."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator

from kanpipe.experiments.cifar10_ddim.scores import score_name
from kanpipe.experiments.cifar10_ddim.words import FIDS, Names, main_fid
from kanpipe.experiments.protocol import FLOOR
from kanpipe.reporting.log_axes import log_x, log_y
from kanpipe.reporting.plots import FULL, GROUND, INK, MUTED, SMALL, statement
from kanpipe.reporting.style import Style
from kanpipe.reporting.tables import FINISHED
from kanpipe.reporting.variants import seeds_of

DOT: Style = {"linestyle": "none", "markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.4, "zorder": 3}
HOLLOW: Style = {"markerfacecolor": "white", "markeredgewidth": 0.9}
OTHERS: Style = {"color": "#BBBBBB", "marker": "o", "zorder": 2}
SAME: Style = {"color": MUTED, "linewidth": 0.7, "zorder": 1}
PUBLISHED_MARK: Style = {"linestyle": "none", "marker": "x", "markersize": 7, "markeredgewidth": 1.5, "zorder": 5}
ROW = 0.21  # inches
FRAME, LOWER = 0.9, 3.1  # inches: what stands around the rows, and the panels below
COSTS = {  # column: what it is, and its unit
    "parameters": ("Size", "parameters"),
    "gflop": ("Operations of the training", "GFLOP"),
    "minutes": ("Its time, from timed steps", "minutes"),
}
REAL: Style = {"color": INK, "linewidth": 0.8, "linestyle": "--", "zorder": 1}


def cost_and_quality(
    runs: pd.DataFrame, scores: pd.DataFrame, speed: pd.DataFrame, names: Names, named: Sequence[str], published: bool
) -> Figure:
    """Above the Fréchet distance of every training, a row a network; below means against what the training cost.

    Networks are shown that have made the usual number of steps, those that are not `named` in grey and above alone,
    and below what the same ones reach with others, at the same learning rate: hollow marks, joined by a line. All
    others are in the tables. `speed` has the time of a step of some networks, timed in turns.
    """
    fid = main_fid(runs)
    if fid is None:
        return statement("No Fréchet distance was measured")
    usual = runs.loc[~runs["variant"].map(names.is_long), "steps"].max()
    whole = set(runs.loc[runs["steps"] == usual, "variant"].map(names.base))
    chosen = runs["variant"].map(names.base).isin(whole) & ~runs["variant"].map(names.is_sweep)
    trained = runs[chosen & (runs["status"] == FINISHED)].dropna(subset=fid)
    rows = _rows(trained[trained["steps"] == usual], names, named)
    points = _points(trained[trained["variant"].map(names.base).isin(named)], fid, speed, names)
    figure = Figure(figsize=(FULL, LOWER + FRAME + ROW * len(rows)), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(FRAME + ROW * len(rows), LOWER))[:, 0]
    above = upper.add_subplot()
    above.set(title=f"a  Every training, after {usual:,} steps", xlabel=FIDS[fid])
    _trainings(above, rows, fid, names, named)
    floor = _floor(fid, scores)
    if floor is not None:
        above.axvline(floor, **REAL)
    lines = {} if floor is None else {"real images": REAL}
    if fid == "fid_2048" and published:
        _published(above, rows, names)
        lines["published, in a"] = PUBLISHED_MARK
    log_x(above)
    if len(points):
        _costs(lower, points, FIDS[fid], " and ".join(speed["device"].unique()), names, usual)
    _legend(lower, runs, trained, points, names, usual, lines)
    return figure


def _rows(runs: pd.DataFrame, names: Names, named: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The runs of each network by what it is called and its parameters: those that are named before the others."""
    variants = sorted(runs["variant"].unique(), key=lambda name: name not in named)
    own = {variant: runs[runs["variant"] == variant] for variant in variants}
    return {f"{names.title(name)} ({rows['parameters'].iloc[0]:,})": rows for name, rows in own.items()}


def _trainings(axes: Axes, rows: dict[str, pd.DataFrame], fid: str, names: Names, named: Sequence[str]) -> None:
    for place, own in enumerate(rows.values()):
        axes.plot(own[fid], [-place] * len(own), **_mark(own["variant"].iloc[0], names, named))
    axes.set_yticks([-place for place in range(len(rows))], list(rows))
    axes.set_ylim(0.6 - len(rows), 0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", color=GROUND, zorder=0)


def _points(runs: pd.DataFrame, fid: str, speed: pd.DataFrame, names: Names) -> pd.DataFrame:
    """A row a variant: what its training cost, and of the distances of its seeds mean, standard deviation and number.

    The minutes are those of as many steps as were made, as they were timed; NaN where they were not.
    """
    step = speed.drop_duplicates("variant").set_index("variant")["step_ms"] if len(speed) else pd.Series(dtype=float)
    rows = runs.assign(
        gflop=runs["gflop_per_step"] * runs["steps"],
        minutes=runs["variant"].map(names.base).map(step).astype(float) * runs["steps"] / 60_000,
    )
    groups = rows.groupby("variant", sort=False)
    return groups[["steps", *COSTS]].mean().join(groups[fid].agg(["mean", "std", "size"]))


def _costs(figure: SubFigure, points: pd.DataFrame, title: str, device: str, names: Names, usual: int) -> None:
    """A panel for each cost that is known of any network; that of real images lies far below."""
    known = {cost: words for cost, words in COSTS.items() if points[cost].notna().any()}
    panels = figure.subplots(1, len(known), sharey=True, squeeze=False)[0]
    for axes, letter, (cost, (name, unit)) in zip(panels, "bcd", known.items(), strict=False):
        _draw(axes, points.dropna(subset=cost), cost, names, usual)
        axes.set(title=f"{letter}  {name}", xlabel=unit + (f"\n{fill(device, 24)}" if cost == "minutes" else ""))
        log_x(axes)
        few = np.divide(*axes.get_xlim()) < 0.02
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if few else (1, 2, 5), numticks=20))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    panels[0].set_ylabel(title)
    log_y(panels[0])


def _draw(axes: Axes, points: pd.DataFrame, cost: str, names: Names, usual: int) -> None:
    for variant, row in points.iterrows():
        bar = row["std"] if row["size"] > 1 else None
        network = names.base(str(variant))
        look = _mark(network, names, [network])
        if row["steps"] != usual:
            look |= HOLLOW | {"markeredgecolor": look["color"]}
        axes.errorbar(row[cost], row["mean"], yerr=bar, elinewidth=1, capsize=2, **look)
    for _, same in points.groupby(points.index.map(names.base)):
        if len(same) > 1:
            ordered = same.sort_values(cost)
            axes.plot(ordered[cost], ordered["mean"], **SAME)


def _mark(network: str, names: Names, named: Sequence[str]) -> Style:
    """How it is drawn; stars and crosses, which are small, larger."""
    hue, shape = names.look(network)
    size = {"*": 9.0, "P": 7.0, "+": 7.0}.get(shape, 5.5)
    return DOT | ({"color": hue, "marker": shape, "markersize": size} if network in named else OTHERS)


def _floor(fid: str, scores: pd.DataFrame) -> float | None:
    """The distance of other real images; None where it was not measured."""
    floor = scores[scores["variant"] == FLOOR].dropna(subset="value")
    return next((row["value"] for _, row in floor.iterrows() if score_name(row) == fid), None)


def _published(axes: Axes, rows: dict[str, pd.DataFrame], names: Names) -> None:
    for place, own in enumerate(rows.values()):
        if found := names.published(own["variant"].iloc[0]):
            hue, _ = names.look(own["variant"].iloc[0])
            axes.plot(found.fid, -place, color=hue, **PUBLISHED_MARK)


def _legend(
    figure: SubFigure,
    runs: pd.DataFrame,
    trained: pd.DataFrame,
    points: pd.DataFrame,
    names: Names,
    usual: int,
    lines: dict[str, Style],
) -> None:
    """What the rows do not say: other trainings of the same networks, lines, and what diverged."""
    marks: dict[str, Style] = {}
    if (others := sorted({int(n) for n in points["steps"]} - {int(usual)})) != []:
        words = f"hollow: {' or '.join(f'{n:,}' for n in others)} steps"
        marks[words] = DOT | HOLLOW | {"markeredgecolor": INK, "marker": "o"}
    looks: dict[str, Style] = {words: {"color": INK, **look} for words, look in (marks | lines).items()}
    entries = [Line2D([], [], label=words, **look) for words, look in looks.items()]
    if points.index.map(names.base).duplicated().any():
        entries.append(Line2D([], [], label="the same network", **SAME))
    finished = set(runs.loc[runs["status"] == FINISHED, "variant"])
    lost = [names.title(name) for name in runs["variant"].unique() if name not in finished]
    entries += [Line2D([], [], linestyle="none", label=f"diverged: {name}") for name in lost]
    words = f"a: in brackets parameters; below: marks as in a, mean ± standard deviation of {seeds_of(trained)}"
    below, timed = ({*rows.index.map(names.base)} for rows in (points, points.dropna(subset="minutes")))
    if 0 < len(timed) < len(below):
        words += f"; d: the {len(timed)} that were timed"
    if not {*trained["variant"].map(names.base)} <= below:
        words += "; grey: a alone"
    figure.legend(
        handles=entries, loc="outside lower left", ncols=4, title=words, title_fontsize=SMALL, alignment="left"
    )
