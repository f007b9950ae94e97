"""What the quality of samples costs: parameters, and the operations of a training."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from kanpipe.experiments.cifar10_ddim.published import PUBLISHED
from kanpipe.experiments.cifar10_ddim.scores import score_name
from kanpipe.experiments.cifar10_ddim.words import FIDS, Names, main_fid
from kanpipe.experiments.protocol import FLOOR
from kanpipe.reporting.log_axes import log_log
from kanpipe.reporting.plots import FULL, INK, MUTED, SMALL, statement
from kanpipe.reporting.style import FAMILY_COLOURS, Style
from kanpipe.reporting.tables import FINISHED

COSTS = {"parameters": "parameters", "gflop": "GFLOP of the whole training"}  # of a row: the axis of its panel
DOT: Style = {"linestyle": "none", "markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.4, "zorder": 3}
HOLLOW: Style = {"markerfacecolor": "white", "markeredgewidth": 0.9}
OTHERS: Style = {"color": "#BBBBBB", "marker": "o", "zorder": 2}
SAME: Style = {"color": MUTED, "linewidth": 0.7, "zorder": 1}
PUBLISHED_MARK: Style = {"linestyle": "none", "marker": "x", "markersize": 7, "markeredgewidth": 1.5, "zorder": 5}
REAL: Style = {"color": INK, "linewidth": 0.8, "linestyle": "--", "zorder": 1}


def cost_and_quality(
    runs: pd.DataFrame, scores: pd.DataFrame, names: Names, named: Sequence[str], published: bool
) -> Figure:
    """The Fréchet distance, mean over seeds, against size and operations; networks that are not `named` in grey.

    Networks are shown that have made the usual number of steps, and in the second panel what the same ones reach with
    others, at the same learning rate: hollow marks, joined by a line. All others are in the tables.
    """
    fid = main_fid(runs)
    if fid is None:
        return statement("No Fréchet distance was measured")
    usual = runs.loc[~runs["variant"].map(names.is_long), "steps"].max()
    whole = set(runs.loc[runs["steps"] == usual, "variant"].map(names.base))
    shown = runs["variant"].map(names.base).isin(whole) & ~runs["variant"].map(names.is_sweep)
    points = _points(runs[shown], fid)
    floor = _floor(fid, scores)
    figure = Figure(figsize=(FULL, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    equal = points[points["steps"] == usual]
    left.set_title(f"a  Size, after {usual:,} steps")
    right.set_title("b  Operations of the training")
    for axes, cost, shown in ((left, "parameters", equal), (right, "gflop", points)):
        _draw(axes, shown, cost, names, named, usual)
        axes.set_xlabel(COSTS[cost])
        if floor is not None:
            axes.axhline(floor, **REAL)
    lines = {} if floor is None else {"real images": REAL}
    if fid == "fid_2048" and published:
        _published(left)
        lines["published, in a"] = PUBLISHED_MARK
    ends = []
    for axes in (left, right):
        log_log(axes)
        ends += axes.get_ylim()
    left.set_ylim(min(ends), max(ends))
    left.xaxis.set_major_formatter(EngFormatter(sep=""))
    left.set_ylabel(FIDS[fid])
    _legend(figure, runs, points, names, named, usual, lines)
    return figure


def _points(runs: pd.DataFrame, fid: str) -> pd.DataFrame:
    """A row a variant: its costs, and of the distances of its seeds mean, standard deviation and number."""
    rows = runs[runs["status"] == FINISHED].dropna(subset=fid)
    rows = rows.assign(gflop=rows["gflop_per_step"] * rows["steps"])
    groups = rows.groupby("variant", sort=False)
    return groups[["steps", *COSTS]].mean().join(groups[fid].agg(["mean", "std", "size"]))


def _draw(axes: Axes, points: pd.DataFrame, cost: str, names: Names, named: Sequence[str], usual: int) -> None:
    for variant, row in points.iterrows():
        bar = row["std"] if row["size"] > 1 else None
        look = DOT | _mark(names.base(str(variant)), names, named)
        if row["steps"] != usual:
            look |= HOLLOW | {"markeredgecolor": look["color"]}
        axes.errorbar(row[cost], row["mean"], bar, elinewidth=1, capsize=2, **look)
    for _, same in points.groupby(points.index.map(names.base)):
        if len(same) > 1:
            ordered = same.sort_values(cost)
            axes.plot(ordered[cost], ordered["mean"], **SAME)


def _mark(network: str, names: Names, named: Sequence[str]) -> Style:
    hue, shape = names.look(network)
    return {"color": hue, "marker": shape} if network in named else OTHERS


def _floor(fid: str, scores: pd.DataFrame) -> float | None:
    """The distance of other real images; None where it was not measured."""
    floor = scores[scores["variant"] == FLOOR].dropna(subset="value")
    return next((row["value"] for _, row in floor.iterrows() if score_name(row) == fid), None)


def _published(axes: Axes) -> None:
    for family, found in PUBLISHED.items():
        axes.plot(found.parameters, found.fid, color=FAMILY_COLOURS[family], **PUBLISHED_MARK)


def _legend(
    figure: Figure,
    runs: pd.DataFrame,
    points: pd.DataFrame,
    names: Names,
    named: Sequence[str],
    usual: int,
    lines: dict[str, Style],
) -> None:
    bases = dict.fromkeys(map(names.base, points.index))
    marks = {names.title(name): DOT | _mark(name, names, named) for name in bases if name in named}
    if not bases.keys() <= set(named):
        marks["other networks of the table"] = DOT | OTHERS
    if (others := sorted({int(n) for n in points["steps"]} - {int(usual)})) != []:
        words = f"hollow: {' or '.join(f'{n:,}' for n in others)} steps"
        marks[words] = DOT | HOLLOW | {"color": INK, "markeredgecolor": INK, "marker": "o"}
    looks: dict[str, Style] = {words: {"color": INK, **look} for words, look in (marks | lines).items()}
    entries = [Line2D([], [], label=words, **look) for words, look in looks.items()]
    if points.index.map(names.base).duplicated().any():
        entries.append(Line2D([], [], label="the same network", **SAME))
    finished = set(runs.loc[runs["status"] == FINISHED, "variant"])
    lost = [names.title(name) for name in runs["variant"].unique() if name not in finished]
    entries += [Line2D([], [], linestyle="none", label=f"diverged: {name}") for name in lost]
    most = int(points["size"].max())
    words = "One training seed" if most == 1 else f"Means of 1 to {most} training seeds; bars: ± standard deviation"
    figure.legend(handles=entries, loc="outside lower center", ncols=3, title=words, title_fontsize=SMALL)
