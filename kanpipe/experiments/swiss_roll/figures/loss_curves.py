"""The figure of losses: what single batches show, and what is left when their noise is taken out."""

from collections.abc import Mapping
from itertools import zip_longest

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kanpipe.experiments.swiss_roll import problem
from kanpipe.experiments.swiss_roll.published import printed_losses
from kanpipe.reporting.plots import FULL, INK, MUTED, SMALL, label, statement
from kanpipe.reporting.style import Look, Style
from kanpipe.reporting.variants import Variant, seeds

Looks = Mapping[str, Look]  # by variant
BAND = "#E9E9E9"
FLOORS: dict[str, Style] = {
    "best for the Huber loss": {"color": INK, "linewidth": 0.8, "linestyle": "--"},
    "posterior mean": {"color": MUTED, "linewidth": 0.8, "linestyle": ":"},
}
PRINTED: Style = {"marker": "o", "markerfacecolor": "none", "markersize": 5, "markeredgewidth": 1.2}


def loss_curves(variants: list[Variant], floors: pd.DataFrame, look: Looks) -> Figure:
    """Left the loss of the first batch of every epoch (loss-comparison), right the scores on one common sample."""
    trained = [variant for variant in variants if variant.runs]
    if not trained:
        return statement("Losses: every run diverged")
    figure = Figure(figsize=(FULL, 4.1), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    sd = float(np.mean(_of_all(trained, "last_batches_sd") or [0.0]))
    top = max([floors.loc["posterior mean", "huber"] + 0.024, *(loss + 4 * sd for loss in _of_all(trained, "huber"))])
    windows = [_first_batches(left, variant, look[variant.name]) for variant in trained]
    for position, variant in enumerate(trained):
        _common_scores(right, variant, look[variant.name], shift=position - (len(trained) - 1) / 2)
    _frame_batches(left, floors, sd, top, max(windows))
    _frame_scores(right, floors, top, max(len(variant.scores("huber")) for variant in trained))
    _legend(figure, variants, look, floors.loc["predict zero", "huber"])
    return figure


def _of_all(variants: list[Variant], column: str) -> list[float]:
    return [value for variant in variants for value in variant.scores(column)]


def _first_batches(axes: Axes, variant: Variant, look: Look) -> int:
    """Mean and range of the seeds; returns the number of epochs over which each is averaged."""
    per_epoch = problem.steps_per_epoch(variant.runs[0].spec)
    losses = [run.history()["loss"][::per_epoch].to_numpy() for run in variant.runs]
    epochs = len(losses[0])
    window = max(epochs // 100, min(10, epochs // 4), 1)
    smooth = pd.DataFrame(np.transpose(losses)).rolling(window, center=True).mean()
    hue, mark = look
    axes.fill_between(smooth.index, smooth.min(axis=1), smooth.max(axis=1), color=hue, alpha=0.25, linewidth=0)
    axes.plot(smooth.index, smooth.mean(axis=1), color=hue, linewidth=0.9)
    first, diffusion = variant.runs[0], variant.runs[0].spec.problem.diffusion
    printed = printed_losses(variant.name, first.record.parameters, diffusion.steps, diffusion.beta)
    if printed and epochs > max(printed):
        style = PRINTED | {"marker": mark}
        axes.plot(list(printed), list(printed.values()), color=hue, linestyle="none", zorder=5, **style)
    return window


def _common_scores(axes: Axes, variant: Variant, look: Look, shift: float) -> None:
    """Mean and standard deviation of the seeds at every epoch of which there are weights, but for the start."""
    recipe = variant.runs[0].spec.training
    columns = {epoch: f"huber_epoch_{epoch}" for epoch in sorted(recipe.snapshot_epochs) if epoch > 0}
    columns[recipe.epochs] = "huber"
    values = [variant.scores(column) for column in columns.values()]
    axes.errorbar(
        np.array(list(columns)) + shift * recipe.epochs / 80,  # side by side, so that no bar hides another
        [value.mean() for value in values],
        [value.std(ddof=1) if len(value) > 1 else 0.0 for value in values],
        color=look[0],
        marker=look[1],
        markersize=4,
        elinewidth=1,
        linewidth=0.8,
    )


def _frame_batches(axes: Axes, floors: pd.DataFrame, sd: float, top: float, window: int) -> None:
    floor = _draw_floors(axes, floors)
    axes.axhspan(floor - 2 * sd, floor + 2 * sd, color=BAND, linewidth=0, zorder=0)
    axes.set_ylim(floor - max(0.012, 4 * sd), top)
    averaged = f", mean of {window} epochs" if window > 1 else ""
    axes.set(xlabel="epoch", ylabel="Huber loss", title=f"First batch of an epoch{averaged}")


def _frame_scores(axes: Axes, floors: pd.DataFrame, top: float, count: int) -> None:
    _draw_floors(axes, floors)
    axes.set(xlabel="epoch", title=f"The same {floors.loc['predict zero', 'n']:,} noisy points for all")
    axes.set_ylim(top=min(top, axes.get_ylim()[1]))
    words = f"mean ± sd of {seeds(count)}" if count > 1 else seeds(count)
    axes.text(0.98, 0.99, words, transform=axes.transAxes, ha="right", va="top", size=SMALL, color=MUTED)


def _draw_floors(axes: Axes, floors: pd.DataFrame) -> float:
    """What predictors that know the data score; returns the best."""
    for name, style in FLOORS.items():
        axes.axhline(floors.loc[name, "huber"], zorder=4, **style)
    return min(floors.loc[name, "huber"] for name in FLOORS)


def _legend(figure: Figure, variants: list[Variant], look: Looks, zero: float) -> None:
    """Two columns: the variants, and whatever else there is to see."""
    place = "off scale: " if zero > figure.axes[0].get_ylim()[1] else ""
    networks = [
        Line2D([], [], color=hue, marker=mark, markersize=4, label=_entry(variant))
        for variant in variants
        for hue, mark in [look[variant.name]]
    ]
    others = [
        Patch(color=MUTED, alpha=0.3, linewidth=0, label="range of the seeds"),
        Patch(color=BAND, linewidth=0, label="±2 sd of the loss of one batch"),
        *(Line2D([], [], label=name, **style) for name, style in FLOORS.items()),
        Line2D([], [], linestyle="none", label=f"{place}predict zero, {zero:.3f}"),
    ]
    if any(line.get_markerfacecolor() == "none" for line in figure.axes[0].lines):
        words = "published, one batch each (epoch 0: off scale)"
        others.insert(0, Line2D([], [], color=MUTED, linestyle="none", label=words, **PRINTED))
    nothing = Line2D([], [], linestyle="none", label=" ")
    pairs = list(zip_longest(networks, others, fillvalue=nothing))  # so that the columns do not run into each other
    figure.legend(
        handles=[first for first, _ in pairs] + [second for _, second in pairs],
        loc="outside lower left",
        ncols=2,
        handlelength=1.8,
        columnspacing=5,
    )


def _entry(variant: Variant) -> str:
    return f"{label(variant.name)} ({variant.size.split()[0] if variant.runs else 'diverged'})"
