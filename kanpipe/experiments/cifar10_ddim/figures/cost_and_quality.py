"""What the quality of samples costs: parameters, operations and time."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter

from kanpipe.experiments.cifar10_ddim.published import PUBLISHED
from kanpipe.experiments.cifar10_ddim.scores import FLOOR, score_name
from kanpipe.experiments.cifar10_ddim.words import FIDS, Names, main_fid
from kanpipe.reporting.log_axes import log_log
from kanpipe.reporting.plots import FULL, INK, SMALL, statement
from kanpipe.reporting.style import FAMILY_COLOURS, Style
from kanpipe.reporting.tables import FINISHED

COSTS = {  # column of the runs: the title of its panel, its axis
    "parameters": ("a  Size", "parameters"),
    "gflop_per_step": ("b  Operations", "GFLOP a training step"),
    "minutes": ("c  Time", "minutes of training"),
}
DOT: Style = {"linestyle": "none", "markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.4, "zorder": 3}
SMALL_DOT: Style = {"markersize": 3.5, "zorder": 2}
LARGE_DOT: Style = {"markersize": 8.5, "zorder": 2}
HOLLOW: Style = {"markerfacecolor": "white", "markeredgewidth": 0.9}
PUBLISHED_MARK: Style = {"linestyle": "none", "marker": "x", "markersize": 7, "markeredgewidth": 1.5, "zorder": 5}
REAL: Style = {"color": INK, "linewidth": 0.8, "linestyle": "--", "zorder": 1}


def cost_and_quality(runs: pd.DataFrame, scores: pd.DataFrame, names: Names, published: bool) -> Figure:
    """The Fréchet distance of every variant, mean over its seeds, against three costs.

    Small marks are of other learning rates, hollow ones of fewer steps than the others made, large ones of more.
    """
    fid = main_fid(runs)
    if fid is None:
        return statement("No Fréchet distance was measured")
    points = runs[runs["status"] == FINISHED].dropna(subset=fid)
    points = points.groupby("variant", sort=False)[[fid, "steps", *COSTS]].agg(["mean", "std"])
    usual = runs.loc[~runs["variant"].map(names.is_long), "steps"].max()
    looks = {name: _look(name, names, steps < usual) for name, steps in points["steps"]["mean"].items()}
    floor = _floor(fid, scores)
    figure = Figure(figsize=(FULL, 4.1), layout="constrained")
    for axes, (cost, (head, words)) in zip(figure.subplots(1, 3, sharey=True), COSTS.items(), strict=True):
        _points(axes, points[cost]["mean"], points[fid], looks)
        if floor is not None:
            axes.axhline(floor, **REAL)
        axes.set(xlabel=words, title=head)
        if cost == "parameters" and published and fid == "fid_2048":
            _published(axes)
    _frame(figure, FIDS[fid])
    lines = {"published, in a": PUBLISHED_MARK} if fid == "fid_2048" and published else {}
    lines |= {} if floor is None else {"real images": REAL}
    _legend(figure, runs, names, looks, lines)
    return figure


def _look(variant: str, names: Names, short: bool) -> dict[str, Any]:
    hue, shape = names.look(variant)
    look = DOT | {"color": hue, "marker": shape, "zorder": 3 if names.role(variant) == "ablation" else 4}
    look |= SMALL_DOT if names.is_sweep(variant) else LARGE_DOT if names.is_long(variant) else {}
    return look | (HOLLOW | {"markeredgecolor": hue} if short else {})


def _points(axes: Axes, cost: pd.Series, fid: pd.DataFrame, looks: dict[str, dict]) -> None:
    for variant, row in fid.iterrows():
        bar = row["std"] if pd.notna(row["std"]) else None
        axes.errorbar(cost[variant], row["mean"], bar, elinewidth=1, **looks[variant])


def _floor(fid: str, scores: pd.DataFrame) -> float | None:
    """The distance of other real images; None where it was not measured."""
    floor = scores[scores["variant"] == FLOOR].dropna(subset="value")
    return next((row["value"] for _, row in floor.iterrows() if score_name(row) == fid), None)


def _published(axes: Axes) -> None:
    for family, found in PUBLISHED.items():
        axes.plot(found.parameters, found.fid, color=FAMILY_COLOURS[family], **PUBLISHED_MARK)


def _frame(figure: Figure, name: str) -> None:
    for axes in reversed(figure.axes):  # the first has the published distances too: its limits hold for all
        log_log(axes)
    figure.axes[0].xaxis.set_major_formatter(EngFormatter(sep=""))
    figure.axes[0].set_ylabel(name)


def _legend(figure: Figure, runs: pd.DataFrame, names: Names, looks: dict[str, dict], lines: dict[str, dict]) -> None:
    bases = dict.fromkeys(map(names.base, looks))
    marks = {names.title(name): DOT | dict(zip(("color", "marker"), names.look(name), strict=True)) for name in bases}
    if any(names.is_sweep(name) for name in looks):
        marks["small: other learning rates"] = DOT | SMALL_DOT | {"color": INK, "marker": "o"}
    if any(names.is_long(name) for name in looks):
        marks["large: more steps"] = DOT | LARGE_DOT | {"color": INK, "marker": "o"}
    if any("markerfacecolor" in look for look in looks.values()):
        marks["hollow: fewer steps"] = DOT | HOLLOW | {"color": INK, "markeredgecolor": INK, "marker": "o"}
    entries = [Line2D([], [], label=words, **{"color": INK} | look) for words, look in (marks | lines).items()]
    lost = [names.title(name) for name in runs["variant"].unique() if name not in looks]
    entries += [Line2D([], [], linestyle="none", label=f"no score: {name}") for name in lost]
    seeds = runs.groupby("variant")["seed"].nunique().max()
    words = "One training seed" if seeds == 1 else f"Means of up to {seeds} training seeds; bars: ± standard deviation"
    figure.legend(handles=entries, loc="outside lower center", ncols=3, title=words, title_fontsize=SMALL)
