"""The quality of samples: of every training, and against the operations that it took."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kanpipe.experiments.cifar10_ddim.scores import score_name
from kanpipe.experiments.cifar10_ddim.words import FIDS, Names, main_fid
from kanpipe.experiments.protocol import FLOOR
from kanpipe.reporting.log_axes import log_x, log_y
from kanpipe.reporting.plots import FULL, INK, MUTED, SMALL, statement
from kanpipe.reporting.style import Style
from kanpipe.reporting.tables import FINISHED
from kanpipe.reporting.variants import seeds_of

DOT: Style = {"linestyle": "none", "markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.4, "zorder": 3}
HOLLOW: Style = {"markerfacecolor": "white", "markeredgewidth": 0.9}
OTHERS: Style = {"color": "#BBBBBB", "marker": "o", "zorder": 2}
SAME: Style = {"color": MUTED, "linewidth": 0.7, "zorder": 1}
PUBLISHED_MARK: Style = {"linestyle": "none", "marker": "x", "markersize": 7, "markeredgewidth": 1.5, "zorder": 5}
ROW = 0.34  # inches
REAL: Style = {"color": INK, "linewidth": 0.8, "linestyle": "--", "zorder": 1}


def cost_and_quality(
    runs: pd.DataFrame, scores: pd.DataFrame, names: Names, named: Sequence[str], published: bool
) -> Figure:
    """Above the Fréchet distance of every training, a row a network; below the means against the operations.

    Networks are shown that have made the usual number of steps, those that are not `named` in grey, and below what
    the same ones reach with others, at the same learning rate: hollow marks, joined by a line. All others are in the
    tables.
    """
    fid = main_fid(runs)
    if fid is None:
        return statement("No Fréchet distance was measured")
    usual = runs.loc[~runs["variant"].map(names.is_long), "steps"].max()
    whole = set(runs.loc[runs["steps"] == usual, "variant"].map(names.base))
    chosen = runs["variant"].map(names.base).isin(whole) & ~runs["variant"].map(names.is_sweep)
    trained = runs[chosen & (runs["status"] == FINISHED)].dropna(subset=fid)
    rows = _rows(trained[trained["steps"] == usual], names, named)
    figure = Figure(figsize=(FULL, 3.4 + ROW * len(rows)), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(ROW * len(rows), 2.4))
    above.set_title(f"a  Every training, after {usual:,} steps")
    below.set(title="b  Operations of the training", xlabel=FIDS[fid], ylabel="GFLOP of the whole training")
    _trainings(above, rows, fid, names, named)
    _draw(below, _points(trained, fid), names, named, usual)
    floor = _floor(fid, scores)
    for axes in (above, below) if floor is not None else ():
        axes.axvline(floor, **REAL)
    lines = {} if floor is None else {"real images": REAL}
    if fid == "fid_2048" and published:
        _published(above, rows, names)
        lines["published, in a"] = PUBLISHED_MARK
    log_x(above, below)
    log_y(below)
    _legend(figure, runs, trained, names, usual, lines)
    return figure


def _rows(runs: pd.DataFrame, names: Names, named: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The runs of each row by what it is called: the networks that are named, and all others in one row."""
    rows = {}
    for variant in [name for name in runs["variant"].unique() if name in named]:
        own = runs[runs["variant"] == variant]
        rows[f"{names.title(variant)}\n{own['parameters'].iloc[0]:,} parameters"] = own
    others = runs[~runs["variant"].isin(named)]
    return rows | ({f"other networks\nof the table: {others['variant'].nunique()}": others} if len(others) else {})


def _trainings(axes: Axes, rows: dict[str, pd.DataFrame], fid: str, names: Names, named: Sequence[str]) -> None:
    for place, own in enumerate(rows.values()):
        for variant, found in own.groupby("variant", sort=False):
            axes.plot(found[fid], [-place] * len(found), **DOT | _mark(str(variant), names, named))
    axes.set_yticks([-place for place in range(len(rows))], list(rows))
    axes.set_ylim(0.6 - len(rows), 0.6)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(labelbottom=True)


def _points(runs: pd.DataFrame, fid: str) -> pd.DataFrame:
    """A row a variant: its operations, and of the distances of its seeds mean, standard deviation and number."""
    rows = runs.assign(gflop=runs["gflop_per_step"] * runs["steps"])
    groups = rows.groupby("variant", sort=False)
    return groups[["steps", "gflop"]].mean().join(groups[fid].agg(["mean", "std", "size"]))


def _draw(axes: Axes, points: pd.DataFrame, names: Names, named: Sequence[str], usual: int) -> None:
    for variant, row in points.iterrows():
        bar = row["std"] if row["size"] > 1 else None
        look = DOT | _mark(names.base(str(variant)), names, named)
        if row["steps"] != usual:
            look |= HOLLOW | {"markeredgecolor": look["color"]}
        axes.errorbar(row["mean"], row["gflop"], xerr=bar, elinewidth=1, capsize=2, **look)
    for _, same in points.groupby(points.index.map(names.base)):
        if len(same) > 1:
            ordered = same.sort_values("gflop")
            axes.plot(ordered["mean"], ordered["gflop"], **SAME)


def _mark(network: str, names: Names, named: Sequence[str]) -> Style:
    hue, shape = names.look(network)
    return {"color": hue, "marker": shape} if network in named else OTHERS


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
    figure: Figure,
    runs: pd.DataFrame,
    trained: pd.DataFrame,
    names: Names,
    usual: int,
    lines: dict[str, Style],
) -> None:
    """What the rows do not say: other trainings of the same networks, lines, and what diverged."""
    bases = trained["variant"].drop_duplicates().map(names.base)
    marks: dict[str, Style] = {}
    if (others := sorted({int(n) for n in trained["steps"]} - {int(usual)})) != []:
        words = f"hollow: {' or '.join(f'{n:,}' for n in others)} steps"
        marks[words] = DOT | HOLLOW | {"markeredgecolor": INK, "marker": "o"}
    looks: dict[str, Style] = {words: {"color": INK, **look} for words, look in (marks | lines).items()}
    entries = [Line2D([], [], label=words, **look) for words, look in looks.items()]
    if bases.duplicated().any():
        entries.append(Line2D([], [], label="the same network", **SAME))
    finished = set(runs.loc[runs["status"] == FINISHED, "variant"])
    lost = [names.title(name) for name in runs["variant"].unique() if name not in finished]
    entries += [Line2D([], [], linestyle="none", label=f"diverged: {name}") for name in lost]
    words = f"b: marks as in a; mean ± standard deviation of {seeds_of(trained)}"
    figure.legend(
        handles=entries, loc="outside lower left", ncols=4, title=words, title_fontsize=SMALL, alignment="left"
    )
