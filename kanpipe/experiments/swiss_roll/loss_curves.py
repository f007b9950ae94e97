"""The figure of losses: what single batches show, and what is left when their noise is taken out."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpipe.experiments.swiss_roll import problem
from kanpipe.reporting.plots import FAINT, FULL, INK, MUTED, SMALL, colour, label, marker
from kanpipe.reporting.variants import Variant

# Losses of the first batch of these epochs, printed in the notebook of github.com/kabachuha/kan-diffusion.
PUBLISHED_EPOCHS = (0, 1000, 2000, 3000)
PUBLISHED_LOSSES = {
    "kan": (0.42416, 0.27809, 0.29130, 0.28637),
    "mlp": (0.44862, 0.29253, 0.29236, 0.29048),
    "small_kan": (0.44046, 0.29426, 0.29299, 0.29395),
}


def loss_curves(variants: list[Variant], floors: pd.DataFrame) -> Figure:
    """Left the loss of the first batch of every epoch (loss-comparison), right the scores on one common sample."""
    figure = Figure(figsize=(FULL, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    trained = [variant for variant in variants if variant.runs]
    floor = floors.loc["posterior mean", "value"]
    sd = float(np.mean([variant.scores("last_batches_sd").mean() for variant in trained])) if trained else 0.0
    top = floor + max(0.03, 4 * sd)
    windows = [_first_batches(left, variant) for variant in trained]
    for position, variant in enumerate(trained):
        _common_scores(right, variant, shift=position - (len(trained) - 1) / 2)
    _frame_batches(left, floors, sd, top, max(windows, default=1))
    _frame_scores(right, floors, top)
    _legend(figure, variants)
    return figure


def _first_batches(axes: Axes, variant: Variant) -> int:
    """Mean and range of the seeds; returns the number of epochs over which each is averaged."""
    per_epoch = problem.steps_per_epoch(variant.runs[0].spec)
    losses = [pd.read_csv(run.folder / "history.csv")["loss"][::per_epoch].to_numpy() for run in variant.runs]
    epochs = len(losses[0])
    window = max(epochs // 100, min(10, epochs // 4), 1)
    smooth = pd.DataFrame(np.transpose(losses)).rolling(window, center=True).mean()
    hue = colour(variant.name)
    axes.fill_between(smooth.index, smooth.min(axis=1), smooth.max(axis=1), color=hue, alpha=0.25, linewidth=0)
    axes.plot(smooth.index, smooth.mean(axis=1), color=hue, linewidth=0.9)
    if variant.name in PUBLISHED_LOSSES and epochs > max(PUBLISHED_EPOCHS):
        style = {"marker": marker(variant.name), "markerfacecolor": "white", "markeredgewidth": 1.2, "markersize": 5}
        axes.plot(PUBLISHED_EPOCHS, PUBLISHED_LOSSES[variant.name], color=hue, linestyle="none", zorder=5, **style)
    return window


def _common_scores(axes: Axes, variant: Variant, shift: float) -> None:
    """Mean and standard deviation of the seeds at every epoch of which there are weights, but for the start."""
    recipe = variant.runs[0].spec["training"]
    columns = {epoch: f"huber_epoch_{epoch}" for epoch in sorted(recipe["snapshot_epochs"]) if epoch > 0}
    columns[recipe["epochs"]] = "huber"
    values = [variant.scores(column) for column in columns.values()]
    axes.errorbar(
        np.array(list(columns)) + shift * recipe["epochs"] / 80,  # side by side, so that no bar hides another
        [value.mean() for value in values],
        [value.std(ddof=1) if len(value) > 1 else 0.0 for value in values],
        color=colour(variant.name),
        marker=marker(variant.name),
        markersize=4,
        elinewidth=1,
        linewidth=0.8,
    )


def _frame_batches(axes: Axes, floors: pd.DataFrame, sd: float, top: float, window: int) -> None:
    floor, zero = floors.loc[["posterior mean", "predict zero"], "value"]
    axes.axhspan(floor - 2 * sd, floor + 2 * sd, color="#ECECEC", linewidth=0, zorder=0)
    axes.axhline(floor, color=INK, linewidth=0.8, linestyle="--", zorder=4)
    axes.set_ylim(floor - max(0.015, 4 * sd), top)
    axes.set(xlabel="epoch", ylabel="Huber loss", title=f"First batch of an epoch, mean of {window} epochs")
    notes = {"x": 0.98, "ha": "right", "size": SMALL, "color": MUTED, "transform": axes.get_yaxis_transform()}
    axes.text(y=floor - 1.9 * sd, s="grey: ±2 sd of the loss of one batch", va="bottom", **notes)
    axes.text(y=top, s=f"off scale: predict zero {zero:.3f}", va="top", **notes)


def _frame_scores(axes: Axes, floors: pd.DataFrame, top: float) -> None:
    floor, n = floors.loc["posterior mean", ["value", "n"]]
    axes.axhline(floor, color=INK, linewidth=0.8, linestyle="--", zorder=1)
    axes.set(xlabel="epoch", title=f"The same {int(n):,} noisy points for all")
    axes.set_ylim(top=min(top, axes.get_ylim()[1]))


def _legend(figure: Figure, variants: list[Variant]) -> None:
    """One entry a variant, drawn empty-handed so that line and marker show together."""
    axes = figure.axes[0]
    for variant in variants:
        state = "" if variant.runs else ", diverged"
        text = f"{label(variant.name)}, {variant.size.split()[0]}{state}"
        axes.plot([], [], color=colour(variant.name), marker=marker(variant.name), markersize=4, label=text)
    axes.plot([], [], color=INK, linewidth=0.8, linestyle="--", label="posterior mean")
    if any(variant.name in PUBLISHED_LOSSES and variant.runs for variant in variants):
        style = {"marker": "o", "markerfacecolor": "white", "markersize": 5, "linestyle": "none"}
        axes.plot([], [], color=MUTED, label="published, one batch (epoch 0 off scale)", **style)
    figure.legend(loc="outside lower left", ncols=math.ceil((len(variants) + 2) / 2), handlelength=1.8)
