"""The task of the swiss-roll experiment: its data, schedule, model and loss, as published."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.data.swiss_roll import swiss_roll
from kanpipe.diffusion.schedules import Schedule, constant_schedule
from kanpipe.experiments.swiss_roll.config import Denoiser, Experiment, Problem, Trained
from kanpipe.layers.families import family
from kanpipe.machine import Machine, seeded
from kanpipe.models.denoiser import SwissRollDenoiser
from kanpipe.runs import FinishedRun


def training_data(problem: Problem) -> Tensor:
    """The published points, (points, 2)."""
    return torch.from_numpy(swiss_roll(**problem.data.model_dump()))


def fresh_data(problem: Problem, points: int, seed: int) -> Tensor:
    """Other points of the same distribution, (points, 2)."""
    return torch.from_numpy(swiss_roll(**problem.data.model_dump() | {"points": points, "seed": seed}))


def schedule(problem: Problem) -> Schedule:
    return constant_schedule(**problem.diffusion.model_dump())


def build(variant: Denoiser, seed: int = 0) -> SwissRollDenoiser:
    """The variant's denoiser with the initial weights of `seed`."""
    with seeded(seed, "init"):
        return SwissRollDenoiser(family(variant.family, **variant.options), variant.hidden)


def models(spec: Experiment) -> dict[str, SwissRollDenoiser]:
    """The network of every variant."""
    return {name: build(variant) for name, variant in spec.variants.items()}


def restore(run: FinishedRun, weights: dict[str, Tensor], machine: Machine) -> SwissRollDenoiser:
    """The run's denoiser with these weights; UserError when they are those of another network."""
    return run.load_into(build(run.spec.variant).to(machine.device), weights)


def steps_per_epoch(spec: Trained) -> int:
    return math.ceil(spec.problem.data.points / spec.training.batch_size)


def snapshots(run: FinishedRun) -> dict[int, dict[str, Tensor]]:
    """The weights that were kept during training, by the epoch at whose start they stood."""
    return {step // steps_per_epoch(run.spec): weights for step, weights in run.snapshots().items()}


def predict(model: nn.Module, x: Tensor, t: Tensor, steps: int) -> Tensor:
    """The noise in x (n, 2) at times t (n,); the network is given t / T."""
    return model(x, t / steps)


def noise_loss(model: nn.Module, x_t: Tensor, t: Tensor, epsilon: Tensor, steps: int) -> Tensor:
    """The Huber loss (delta 1) between true and predicted noise, averaged over points and coordinates."""
    return F.huber_loss(predict(model, x_t, t, steps), epsilon)
