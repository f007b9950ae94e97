"""What more steps of the sampler gain."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kanpipe.experiments.cifar10_ddim.scores import score_name
from kanpipe.experiments.cifar10_ddim.words import FIDS, Names, main_fid
from kanpipe.reporting.log_axes import log_log
from kanpipe.reporting.plots import FULL, INK, statement
from kanpipe.reporting.style import Style
from kanpipe.reporting.variants import seeds

LEAST = 3  # numbers of times of which a curve can be drawn
KINDS = {"quadratic": "-", "uniform": "--", "ancestral": ":"}  # of times: the line; marks are hollow but for the first


def samplers(runs: pd.DataFrame, scores: pd.DataFrame, names: Names, named: Sequence[str]) -> Figure:
    """The Fréchet distance of the `named` variants against the number of times, mean over the seeds.

    All points are of equally many images, since fewer have the larger distance.
    """
    fid = main_fid(runs)
    rows = scores[scores["variant"].isin(named)].dropna(subset="value")
    rows = rows[[score_name(row) == fid for _, row in rows.iterrows()]]
    if rows.empty:
        return statement("No Fréchet distance was measured")
    images = most_common_count(rows)
    rows = rows[rows["n"] == images]
    if rows["count"].nunique() < LEAST:
        return statement(f"All networks were sampled with fewer than {LEAST} numbers of times")
    figure = Figure(figsize=(FULL, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for variant, own in rows.groupby("variant", sort=False):
        for kind, walks in own.groupby("timesteps", sort=False):
            counts = walks.groupby("count")["value"]
            hue, shape = names.look(variant)
            axes.errorbar(*_bars(counts), marker=shape, markersize=4.5, elinewidth=1, **_look(kind, hue))
    axes.set(xlabel="times at which the sampler stops", ylabel=f"{FIDS[str(fid)]} of {images:,.0f} images")
    log_log(axes)
    axes.set_title(f"Means and ranges of up to {seeds(int(rows.groupby('variant')['seed'].nunique().max()))}")
    _legend(figure, rows, names)
    return figure


def _bars(counts: Any) -> tuple[pd.Index, pd.Series, list[pd.Series]]:
    """Numbers of times, means, and how far the least and the largest of the seeds lie from them."""
    means = counts.mean()
    return means.index, means, [means - counts.min(), counts.max() - means]


def most_common_count(rows: pd.DataFrame) -> int:
    """The number of images that most samplers have been scored with; the larger one of equally common ones."""
    samplers = rows.drop_duplicates(["sampler", "n"])["n"].value_counts()
    return samplers[samplers == samplers.max()].index.max()


def _look(kind: str, hue: str) -> dict[str, Any]:
    """The line of a kind of times, and whether its marks are filled: one mark alone has no line."""
    filled = kind == next(iter(KINDS))
    edge: Style = {"markeredgecolor": "white", "markeredgewidth": 0.4} if filled else {"markerfacecolor": "white"}
    return {"color": hue, "linestyle": KINDS.get(kind, "-."), **edge}


def _legend(figure: Figure, rows: pd.DataFrame, names: Names) -> None:
    looks = {names.title(name): names.look(name) for name in rows["variant"].unique()}
    entries = [Line2D([], [], color=hue, marker=shape, label=name) for name, (hue, shape) in looks.items()]
    kinds = [kind for kind in KINDS if kind in set(rows["timesteps"])]
    for kind in kinds:
        label = kind if kind == "ancestral" else f"{kind} times"
        entries.append(Line2D([], [], marker="o", markersize=4.5, label=label, **_look(kind, INK)))
    figure.legend(handles=entries, loc="outside right upper")
