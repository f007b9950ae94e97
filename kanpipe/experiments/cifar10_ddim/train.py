"""Training of one U-Net to predict the noise in images (Ho et al. 2020, algorithm 1, with antithetic times)."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from kanpipe.data.batches import ShuffledBatches
from kanpipe.diffusion.schedules import Schedule
from kanpipe.errors import UserError
from kanpipe.experiments.cifar10_ddim import problem
from kanpipe.experiments.cifar10_ddim.config import Trained, Training
from kanpipe.experiments.cifar10_ddim.coverage import probe, probe_batch
from kanpipe.machine import Machine
from kanpipe.runs import Run
from kanpipe.training.average import MovingAverage
from kanpipe.training.loop import fit
from kanpipe.training.recipe import Recipe, Settings
from kanpipe.training.validation import Validation

PROBED = 1000  # training images from which those of the probe are drawn
HELD_SEED = 0  # of the noise in the images that are held out: the same for all runs, whose losses compare


class Batches:
    """What a step sees: noisy images (n, channels, 32, 32), times (n,), their noise, and weights of the loss (n,).

    Rows, flips (where there are any), times and noise are functions of the seed and the step; all of it is made on the
    device. Half of the times are drawn, the others are `steps - 1 - t` of those. A weight is 1, or min(SNR, min_snr) /
    SNR for the signal-to-noise ratio of the time (Hang et al. 2023, arXiv:2303.09556).
    """

    def __init__(
        self, images: np.ndarray, recipe: Training, schedule: Schedule, seed: int, machine: Machine, flips: bool
    ) -> None:
        self._pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(machine.device)
        self._rows = ShuffledBatches(len(images), recipe.batch_size, seed, machine)
        self._schedule, self._seed, self._machine, self._flips = schedule, seed, machine, flips
        self._weights = loss_weights(schedule, recipe.min_snr)

    def __call__(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rows = self._pixels[self._rows.rows(step)]
        draw = self._machine.generator(self._seed, "noise", step)
        if self._flips:
            flip = torch.rand(len(rows), 1, 1, 1, generator=draw, device=rows.device) < 0.5
            rows = torch.where(flip, rows.flip(-1), rows)
        x_0 = problem.scaled(rows)
        t = antithetic_times(len(rows), self._schedule.steps, draw)
        epsilon = torch.randn(x_0.shape, generator=draw, device=rows.device)
        x_t = self._schedule.diffuse(x_0, t + 1, epsilon)
        last = torch.channels_last
        return x_t.contiguous(memory_format=last), t, epsilon.contiguous(memory_format=last), self._weights[t]


def antithetic_times(count: int, steps: int, generator: torch.Generator) -> Tensor:
    """`count` times from 0 to steps - 1: int64 (count,), the second half mirrored from the first."""
    half = torch.randint(steps, (count - count // 2,), generator=generator, device=generator.device)
    return torch.cat([half, steps - 1 - half])[:count]


def loss_weights(schedule: Schedule, min_snr: float | None) -> Tensor:
    """The weight of the loss at every time: (steps,)."""
    abar = schedule.alpha_bar[1:]
    if min_snr is None:
        return torch.ones_like(abar)
    snr = abar / (1 - abar)
    return snr.clamp(max=min_snr) / snr


def objective(model: nn.Module, x_t: Tensor, t: Tensor, epsilon: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """`loss`, the squared error summed over an image and weighted, and `error`, its plain mean over all values."""
    squares = (model(x_t, t).float() - epsilon).square()
    return {"loss": (weights * squares.sum(dim=(1, 2, 3))).mean(), "error": squares.detach().mean()}


def learning_rate(step: int, recipe: Training) -> float:
    """The rate of a step: constant, or falling along a half cosine to 0 at the end."""
    if recipe.decay == "constant":
        return recipe.learning_rate
    return recipe.learning_rate * (1 + math.cos(math.pi * step / recipe.steps)) / 2


def set_up(spec: Trained, seed: int, images: np.ndarray, machine: Machine, checkpoint_seconds: float) -> Recipe:
    """The training of the variant in `spec` with a seed, before its first step; its snapshots are of the weights."""
    recipe, graph = spec.recipe, machine.device.type == "cuda"
    model = problem.build(spec.problem, spec.variant, seed).to(machine.device)
    model = model.to(memory_format=torch.channels_last)
    rate = torch.tensor(recipe.learning_rate, device=machine.device) if graph else recipe.learning_rate
    settings = Settings(
        steps=recipe.steps,
        compile=recipe.compile,
        clip_norm=recipe.clip_norm,
        precision=recipe.precision,
        micro_batches=recipe.micro_batches,
        cuda_graph=recipe.cuda_graph and graph,
        snapshot_steps=tuple(recipe.probe_steps),
        checkpoint_seconds=checkpoint_seconds,
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True, capturable=graph)
    flips, schedule = problem.dataset(spec.problem).flips, problem.schedule(spec.problem, machine)
    learned, held = _held_out(images, recipe)
    batches = Batches(learned, recipe, schedule, seed, machine, flips)
    average, course = MovingAverage(model, **recipe.ema.model_dump()), partial(learning_rate, recipe=recipe)
    validation = None
    if recipe.validation:
        validation = Validation(recipe.validation.every, HeldOutLoss(held, schedule, machine), "loss", largest=False)
    return Recipe(model, optimizer, objective, batches, settings, rate=course, average=average, validation=validation)


def _held_out(images: np.ndarray, recipe: Training) -> tuple[np.ndarray, np.ndarray]:
    """The images to train on, and the last ones, on which the loss is followed; UserError where none would be left."""
    count = recipe.validation.images if recipe.validation else 0
    if count >= len(images):
        raise UserError(f"training.validation.images is {count}, but the dataset has {len(images)} images")
    return images[: len(images) - count], images[len(images) - count :]


class HeldOutLoss:
    """The unweighted loss on images that no step sees, each with one noise and one time, the same at every call.

    The times are spread evenly over the diffusion, so the loss is an estimate of its mean over all of them.
    """

    CHUNK = 100  # images at a time

    def __init__(self, images: np.ndarray, schedule: Schedule, machine: Machine) -> None:
        x_0 = problem.scaled(torch.from_numpy(images).permute(0, 3, 1, 2).to(machine.device))
        self.t = torch.arange(len(x_0), device=machine.device) * schedule.steps // len(x_0)
        draw = machine.generator(HELD_SEED, "held out")
        self.epsilon = torch.randn(x_0.shape, generator=draw, device=machine.device)
        self.x_t = schedule.diffuse(x_0, self.t + 1, self.epsilon).contiguous(memory_format=torch.channels_last)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """`loss`, as `objective` gives it."""
        chunks = zip(*(tensor.split(self.CHUNK) for tensor in (self.x_t, self.t, self.epsilon)), strict=True)
        sums = [(model(x_t, t).float() - epsilon).square().sum(dtype=torch.float64) for x_t, t, epsilon in chunks]
        return {"loss": float(torch.stack(sums).sum()) / len(self.t)}


def train(run: Run, machine: Machine, checkpoint_seconds: float = 60.0) -> None:
    """Train the run's variant with its seed on the images of `run.data` and write the results into its folder."""
    images = problem.images(run.data, problem.dataset(run.spec.problem))
    recipe = set_up(run.spec, run.seed, images, machine, checkpoint_seconds)
    seen = problem.scaled(torch.from_numpy(images[:PROBED]).permute(0, 3, 1, 2).to(machine.device))
    probed = probe_batch(seen, problem.schedule(run.spec.problem, machine), machine, run.seed)
    fit(run, replace(recipe, snapshot=lambda model: probe(model, probed)), machine)
