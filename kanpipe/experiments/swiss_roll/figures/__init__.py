"""The figures of the swiss-roll experiment; where one was published its name stands in the docstring."""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kanpipe.experiments.swiss_roll import problem
from kanpipe.experiments.swiss_roll.config import Experiment, Problem
from kanpipe.experiments.swiss_roll.figures.loss_curves import loss_curves
from kanpipe.experiments.swiss_roll.outputs import has_diagram
from kanpipe.layers.kan_linear import KANLinear
from kanpipe.machine import Machine
from kanpipe.reporting import kan_diagram
from kanpipe.reporting.plots import (
    COLUMN,
    DATA,
    FULL,
    GENERATED,
    INK,
    MUTED,
    SMALL,
    canvas,
    house_style,
    label,
    save,
    tile,
)
from kanpipe.reporting.style import shaded_looks
from kanpipe.reporting.variants import Variant, by_variant, seeds
from kanpipe.runs import FinishedRun

POINTS = 1000  # of each kind in a scatter, as published
ROLL, NOISE = 1.65, 2.3  # half the side of a square that holds the roll, and of one that holds noise
NOTHING = np.empty((0, 2))


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF."""
    with house_style():
        for stem, figure in _all_figures(runs, frames, spec):
            save(figure, out / stem)


def _all_figures(
    runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment
) -> Iterator[tuple[str, Figure]]:
    task, data, floors = spec.problem, problem.training_data(spec.problem), frames["floors"].set_index("name")
    variants = by_variant(runs, frames["runs"])
    two_layers = {run.variant for run in runs if has_diagram(run.spec.variant)}
    yield "data", _data(data.numpy())
    yield "corruption", _corruption(data, task)
    yield "generated", _overview(data.numpy(), variants, floors)
    families = {name: variant.family for name, variant in spec.variants.items()}
    look = dict(zip(families, shaded_looks(families.values()), strict=True))
    yield "loss_curves", loss_curves(variants, floors, look)
    for variant in variants:
        yield f"reverse_{variant.name}", _reverse(variant)
        yield f"generated_{variant.name}", _generated(data.numpy(), variant, floors)
        if variant.name in two_layers:
            yield f"edges_{variant.name}", _edges(variant, data, task)


def _samples(variant: Variant) -> dict[str, np.ndarray]:
    """The arrays that `sample` wrote for the first run that did not diverge."""
    return variant.runs[0].samples()


def _data(points: np.ndarray) -> Figure:
    """All training points (data-example)."""
    figure = Figure(figsize=(COLUMN, COLUMN), layout="constrained")
    axes = figure.add_subplot(aspect="equal", xlabel="$x$", ylabel="$y$", xlim=(-ROLL, ROLL), ylim=(-ROLL, ROLL))
    axes.scatter(points[:, 0], points[:, 1], s=1, c=DATA, linewidths=0, rasterized=True)
    axes.set_title(f"The swiss roll: {len(points):,} training points")
    return figure


def _corruption(data: Tensor, task: Problem) -> Figure:
    """The forward process in eleven panels (corruption), and the noise from which sampling starts."""
    schedule, generator = problem.schedule(task), torch.Generator().manual_seed(0)
    data = data[:: max(1, len(data) // 2500)]  # with more points a panel is a blot
    epsilon, start = torch.randn((2, *data.shape), generator=generator)
    figure, axes = canvas(FULL, 1.22)
    side, pitch, margin = 0.53, 0.56, 0.1
    for column, t in enumerate(np.linspace(0, schedule.steps, 11).round().astype(int)):
        x_t = schedule.diffuse(data, torch.full((len(data),), int(t)), epsilon)
        _step(axes, margin + column * pitch, side, x_t.numpy(), DATA, f"$t={t}$" if column == 0 else f"{t}")
    _step(axes, FULL - margin - side, side, start.numpy(), INK, r"$\mathcal{N}(0, I)$")
    T, alpha_bar = schedule.steps, float(schedule.alpha_bar[-1])
    words = (
        rf"$\bar\alpha_{{{T}}}$ is {alpha_bar:.3f}, not 0: $x_{{{T}}} = {alpha_bar**0.5:.2f}\, x_0 + "
        rf"{(1 - alpha_bar) ** 0.5:.2f}\, \epsilon$ is not the noise (right) from which sampling starts."
    )
    axes.text(margin, 0.17, words, color=MUTED, va="center")
    return figure


def _step(axes: Axes, left: float, side: float, points: np.ndarray, colour: str, name: str) -> None:
    tile(axes, (left, 0.36), side, points, NOISE, colour)
    axes.text(left + side / 2, 0.36 + side + 0.05, name, ha="center", va="bottom")


def _reverse(variant: Variant) -> Figure:
    """The reverse process at several stages of training (s1, mlp-s1, smol-kan-s1)."""
    if not variant.runs:
        return variant.diverged()
    samples, scores = _samples(variant), variant.rows.set_index("seed").loc[variant.runs[0].seed]
    side, pitch, left, epochs = 0.51, 0.535, 1.06, samples["strip_epochs"]
    bottoms = [0.1 + pitch * row for row in reversed(range(len(epochs)))]
    top = bottoms[0] + side
    figure, axes = canvas(FULL, top + 0.5)
    title = f"{variant.title}: the reverse process at stages of training, seed {variant.runs[0].seed}"
    axes.text(0.1, top + 0.36, title, va="center")
    for column, t in enumerate(samples["strip_times"]):
        name = f"$t={t}$" if column == 0 else f"{t}"
        axes.text(left + column * pitch + side / 2, top + 0.05, name, ha="center", va="bottom")
    for epoch, bottom, strip in zip(epochs, bottoms, samples["strips"], strict=True):
        score = scores.get("huber" if epoch == epochs[-1] else f"huber_epoch_{epoch}", np.nan)
        axes.text(0.1, bottom + side / 2 + 0.01, f"epoch {epoch:,}", va="bottom")
        axes.text(0.1, bottom + side / 2 - 0.01, f"Huber {score:.4f}", va="top", color=MUTED)
        for column, points in enumerate(strip):
            tile(axes, (left + column * pitch, bottom), side, points, NOISE, GENERATED, marker_size=1.2)
    return figure


def _generated(data: np.ndarray, variant: Variant, floors: pd.DataFrame) -> Figure:
    """Training points beside generated ones (s2, mlp-s2, smol-kan-s2)."""
    if not variant.runs:
        return variant.diverged()
    generated = _samples(variant)["generated"][:POINTS]
    real, count = floors.loc["real against real"], len(variant.scores("swd"))
    scores = f"SWD {variant.score('swd', 3)}, nearest {variant.score('nearest', 4)}\nmean ± sd of {seeds(count)}"
    sides = (
        (
            data[:POINTS],
            DATA,
            "training points",
            f"fresh points: SWD {real['swd']:.3f}, nearest {real['nearest']:.4f}\n",
        ),
        (generated, GENERATED, f"points from the {label(variant.name)}", scores),
    )
    side, pitch, margin = 2.45, 2.5, 0.1
    figure, axes = canvas(side + pitch + 2 * margin, side + 0.65)
    for column, (points, hue, origin, distance) in enumerate(sides):
        left = margin + column * pitch
        tile(axes, (left, margin), side, points, ROLL, hue, marker_size=3)
        axes.text(left, margin + side + 0.4, f"{len(points):,} {origin}", color=hue, va="center")
        axes.text(left, margin + side + 0.3, distance, color=MUTED, va="top", size=SMALL)
    return figure


def _overview(data: np.ndarray, variants: list[Variant], floors: pd.DataFrame) -> Figure:
    """The data and what every variant generates, in one row."""
    side, pitch, margin = 1.36, 1.41, 0.1
    width = 2 * margin + side + pitch * len(variants)
    caption = textwrap.wrap(_meaning_of_scores(variants, floors), int(18 * width))
    bottom = 0.15 + 0.13 * len(caption)
    figure, axes = canvas(width, bottom + side + 0.75)
    for column, (points, hue, lines) in enumerate(_panels(data, variants, floors)):
        left = margin + column * pitch
        tile(axes, (left, bottom), side, points[:POINTS], ROLL, hue, marker_size=1.6)
        axes.text(left, bottom + side + 0.6, lines[0], va="center")
        for line, height in zip(lines[1:], (0.42, 0.27, 0.12), strict=True):
            axes.text(left, bottom + side + height, line, color=MUTED, va="center", size=SMALL)
    axes.text(margin, 0.06, "\n".join(caption), color=MUTED, va="bottom", size=SMALL)
    return figure


def _panels(
    data: np.ndarray, variants: list[Variant], floors: pd.DataFrame
) -> Iterator[tuple[np.ndarray, str, tuple[str, ...]]]:
    """Points, colour and heading of every panel of the overview."""
    real = floors.loc["real against real"]
    yield data, DATA, ("Data", "two fresh samples", f"SWD {real['swd']:.3f}", f"nearest {real['nearest']:.4f}")
    for variant in variants:
        points = _samples(variant)["generated"] if variant.runs else NOTHING
        scores = (f"SWD {variant.score('swd', 3)}", f"nearest {variant.score('nearest', 4)}")
        yield points, GENERATED, (variant.name_in_title, variant.size, *scores)


def _meaning_of_scores(variants: list[Variant], floors: pd.DataFrame) -> str:
    count = max(len(variant.scores("swd")) for variant in variants)
    spread = f"mean ± sd of {seeds(count)}" if count > 1 else seeds(count)
    points = int(floors.loc["real against real", "n"])
    return (
        f"SWD: sliced Wasserstein distance to {points:,} fresh points of the roll; nearest: mean distance to the "
        f"nearest of them; {spread}."
    )


def _edges(variant: Variant, data: Tensor, task: Problem) -> Figure:
    """The learned functions of a KAN of one hidden layer."""
    if not variant.runs:
        return variant.diverged()
    run = variant.runs[0]
    model = problem.restore(run, run.tensors("weights.safetensors"), Machine.prepare("cpu", 1))
    first, second = (layer for layer in model.modules() if isinstance(layer, KANLinear))
    x_t, t = _noisy(data, task)
    inputs = torch.cat([x_t, (t / task.diffusion.steps).unsqueeze(-1)], dim=-1)
    with torch.no_grad():
        hidden = first(inputs)
    network = kan_diagram.Network(
        _functions(first, inputs),
        _functions(second, hidden),
        ("$x$", "$y$", "$t/T$"),
        (r"$\epsilon_x$", r"$\epsilon_y$"),
        cast(tuple[float, float], first.grid_range),
    )
    title = f"{variant.title}: the functions that it has learned on its edges, seed {run.seed}"
    return kan_diagram.Diagram(network).draw(title)


def _noisy(data: Tensor, task: Problem) -> tuple[Tensor, Tensor]:
    """Points and times as the network meets them in training."""
    schedule, generator = problem.schedule(task), torch.Generator().manual_seed(0)
    t = torch.randint(schedule.steps, (len(data),), generator=generator)
    return schedule.diffuse(data, t, torch.randn(data.shape, generator=generator)), t


def _functions(layer: KANLinear, inputs: Tensor) -> kan_diagram.Functions:
    """The layer's functions over the 1st to 99th percentile of its inputs (n, in)."""
    ends = torch.quantile(inputs, torch.tensor([0.01, 0.99]), dim=0)
    x = ends[0] + (ends[1] - ends[0]) * torch.linspace(0, 1, 100).unsqueeze(-1)
    values = _on_edges(layer, inputs)
    y = _on_edges(layer, x) - values.mean(-1, keepdim=True)
    return kan_diagram.Functions(x.T.numpy(), y.numpy(), values.std(-1).numpy())


def _on_edges(layer: KANLinear, inputs: Tensor) -> Tensor:
    """Every edge function at its own input: (n, in) -> (out, in, n)."""
    return torch.stack([layer.edge_functions(column)[:, i] for i, column in enumerate(inputs.T)], dim=1)
