"""The figures of the swiss-roll experiment; where one was published its name stands in the docstring."""

import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kanpipe.diffusion.schedules import Schedule
from kanpipe.experiments.swiss_roll import problem
from kanpipe.experiments.swiss_roll.config import Experiment, Problem
from kanpipe.experiments.swiss_roll.figures.loss_curves import loss_curves
from kanpipe.experiments.swiss_roll.outputs import has_diagram
from kanpipe.layers.kan_linear import KANLinear
from kanpipe.machine import Machine
from kanpipe.plots import plot_edges
from kanpipe.reporting.plots import (
    DATA,
    FULL,
    GENERATED,
    INK,
    MUTED,
    SMALL,
    canvas,
    draw,
    tile,
)
from kanpipe.reporting.style import shaded_looks
from kanpipe.reporting.variants import Variant, by_variant, of_first_seeds, seeds
from kanpipe.runs import FinishedRun

POINTS = 1000  # of each kind in a scatter, as published
ROLL, NOISE = 1.65, 4.2  # half the side of a square that holds the roll, and of one that holds noise
EDGES = 12  # of a layer
HIDDEN = 0.05  # the factor of the data below which noise hides them
INPUTS, OUTPUTS = ("$x$", "$y$", "$t/T$"), (r"$\epsilon_x$", r"$\epsilon_y$")
NOTHING = np.empty((0, 2))


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF."""
    task, data, floors = spec.problem, problem.training_data(spec.problem), frames["floors"].set_index("name")
    variants = by_variant(runs, frames["runs"])
    two_layers = {run.variant for run in runs if has_diagram(run.spec.variant)}
    families = {name: variant.family for name, variant in spec.variants.items()}
    look = dict(zip(families, shaded_looks(families.values()), strict=True))
    drawings: dict[str, Callable[[], Figure]] = {
        "corruption": partial(_corruption, data, task),
        "generated": partial(_overview, data.numpy(), variants, floors),
        "loss_curves": partial(loss_curves, variants, floors, look),
    }
    for variant in variants:
        if variant.name in two_layers:
            drawings[f"edges_{variant.name}"] = partial(_edges, variant, data, task)
    draw(drawings, out)


def _samples(variant: Variant) -> dict[str, np.ndarray]:
    """The arrays that `sample` wrote for the first run that did not diverge."""
    return variant.runs[0].samples()


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
    words = end_of(schedule)
    axes.text(margin, 0.17, words, color=MUTED, va="center")
    return figure


def end_of(schedule: Schedule) -> str:
    """What is left of the data at the last time, in words, beside the noise from which sampling starts."""
    T, alpha_bar = schedule.steps, float(schedule.alpha_bar[-1])
    mixture = rf"$x_{{{T}}} = {alpha_bar**0.5:.2f}\, x_0 + {(1 - alpha_bar) ** 0.5:.2f}\, \epsilon$"
    near = "is nearly" if alpha_bar**0.5 < HIDDEN else "is not"
    return rf"$\bar\alpha_{{{T}}}$ is {alpha_bar:.2g}: {mixture} {near} the noise (right) from which sampling starts."


def _step(axes: Axes, left: float, side: float, points: np.ndarray, colour: str, name: str) -> None:
    tile(axes, (left, 0.36), side, points, NOISE, colour)
    axes.text(left + side / 2, 0.36 + side + 0.05, name, ha="center", va="bottom")


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
        f"nearest of them; {spread}. Shown: {POINTS:,} points of {of_first_seeds(variants)}."
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
    title = (
        f"{variant.title}, training seed {run.seed}: the {EDGES} edges of each layer that most of the outputs passes\n"
        "through, with the part in per cent, the nearest formula (dashed), the inputs (grey), and the knots (below)"
    )
    return plot_edges([first, second], inputs, EDGES, (INPUTS, OUTPUTS), title)


def _noisy(data: Tensor, task: Problem) -> tuple[Tensor, Tensor]:
    """Points and times as the network meets them in training."""
    schedule, generator = problem.schedule(task), torch.Generator().manual_seed(0)
    t = torch.randint(schedule.steps, (len(data),), generator=generator)
    return schedule.diffuse(data, t, torch.randn(data.shape, generator=generator)), t
