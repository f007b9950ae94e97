"""The task of the swiss-roll experiment: its data, schedule, model and loss, as published."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.data.swiss_roll import swiss_roll
from kanpipe.diffusion.schedules import Schedule, constant_schedule
from kanpipe.layers.families import family
from kanpipe.machine import Machine, seeded
from kanpipe.models.denoiser import SwissRollDenoiser
from kanpipe.runs import FinishedRun

Spec = dict[str, Any]


def training_data(spec: Spec) -> Tensor:
    """The published points, (points, 2)."""
    return torch.from_numpy(swiss_roll(**spec["data"]))


def fresh_data(spec: Spec, points: int, seed: int) -> Tensor:
    """Other points of the same distribution, (points, 2)."""
    return torch.from_numpy(swiss_roll(**spec["data"] | {"points": points, "seed": seed}))


def schedule(spec: Spec) -> Schedule:
    return constant_schedule(**spec["diffusion"])


def build(spec: Spec, seed: int = 0) -> SwissRollDenoiser:
    """The variant's denoiser with the initial weights of `seed`."""
    options = dict(spec["variant"])
    hidden, name = options.pop("hidden"), options.pop("family")
    with seeded(seed, "init"):
        return SwissRollDenoiser(family(name, **options), hidden)


def restore(run: FinishedRun, weights: dict[str, Tensor], machine: Machine) -> SwissRollDenoiser:
    """The run's denoiser with these weights; UserError when they are those of another network."""
    return run.load_into(build(run.spec).to(machine.device), weights)


def steps_per_epoch(spec: Spec) -> int:
    return math.ceil(spec["data"]["points"] / spec["training"]["batch_size"])


def snapshots(run: FinishedRun) -> dict[int, dict[str, Tensor]]:
    """The weights that were kept during training, by the epoch at whose start they stood."""
    return {step // steps_per_epoch(run.spec): weights for step, weights in run.snapshots().items()}


def predict(model: nn.Module, x: Tensor, t: Tensor, steps: int) -> Tensor:
    """The noise in x (n, 2) at times t (n,); the network is given t / T."""
    return model(x, t / steps)


def noise_loss(model: nn.Module, x_t: Tensor, t: Tensor, epsilon: Tensor, steps: int) -> Tensor:
    """The Huber loss (delta 1) between true and predicted noise, averaged over points and coordinates."""
    return F.huber_loss(predict(model, x_t, t, steps), epsilon)
