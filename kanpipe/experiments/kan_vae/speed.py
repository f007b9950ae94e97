"""Times of a training step and of sampling, all models in turns, as ratios to the first of them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from kanpipe.config.models import ChosenTiming
from kanpipe.evaluation.timing import Work, interleaved, stopwatch
from kanpipe.evaluation.training_steps import next_step, timed_runs
from kanpipe.experiments.kan_vae import problem
from kanpipe.experiments.kan_vae.config import Experiment
from kanpipe.experiments.kan_vae.sample import CHUNK, pixels
from kanpipe.experiments.kan_vae.train import set_up
from kanpipe.experiments.protocol import Inputs
from kanpipe.layers.kan_layer import weights_kept_packed
from kanpipe.machine import Machine
from kanpipe.medians import Estimate, estimate, paired_ratio
from kanpipe.models.counting import parameter_count
from kanpipe.models.vae import VAE
from kanpipe.runs import FinishedRun

COLUMNS = ["variant", "parameters", "batch", "compile", "device", "rounds", "block_seconds"]
COLUMNS += [f"{what}_{column}" for what in ("step", "samples") for column in ("ms", "ratio", "low", "high")]


def speed(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> pd.DataFrame:
    """A row for each of the timed variants among `runs`: ms of a training step and of 1,000 prior samples.

    Ratios are to the first. Steps are taken as in the training of the runs, the drawing of batches included.
    """
    chosen = timed_runs(runs, spec.timing.variants)
    images = problem.images(inputs.data).train_images
    return pd.DataFrame(_rows(chosen, spec.timing, images, machine) if chosen else [], columns=COLUMNS)


def _rows(
    chosen: dict[str, FinishedRun], timing: ChosenTiming, images: np.ndarray, machine: Machine
) -> list[dict[str, Any]]:
    models = {name: problem.build(run.spec.variant, run.seed).to(machine.device) for name, run in chosen.items()}
    steps = {name: _training_step(run, images, machine) for name, run in chosen.items()}
    samples = {name: _sampling(model, machine) for name, model in models.items()}
    watch, rounds = stopwatch(machine.device), timing.model_dump(include={"rounds", "block_seconds"})
    step_seconds = interleaved(steps, watch, **rounds)
    with weights_kept_packed(nn.ModuleDict(models)):
        sample_seconds = interleaved(samples, watch, **rounds)
    first = next(iter(chosen))
    return [
        {"variant": name, "parameters": parameter_count(model), "batch": chosen[name].spec.training.batch_size}
        | {"compile": chosen[name].spec.training.compile, "device": machine.name, **rounds}
        | _columns("step", 1e3, step_seconds[name], step_seconds[first])
        | _columns("samples", 1e3 * 1000 / CHUNK, sample_seconds[name], sample_seconds[first])
        for name, model in models.items()
    ]


def _training_step(run: FinishedRun, images: np.ndarray, machine: Machine) -> Work:
    """The next step of a training of the run's model from the start."""
    shown = problem.binary(images, run.spec.problem.threshold, machine)
    return next_step(set_up(run.spec, run.seed, shown, machine, checkpoint_seconds=math.inf), run.seed)


def _sampling(model: VAE, machine: Machine) -> Work:
    """One chunk of prior samples."""
    z = torch.randn(CHUNK, model.latent, generator=machine.generator("speed"), device=machine.device)

    @torch.no_grad()
    def work(mark: Callable[[], None]) -> None:
        pixels(model, z)

    return work


def _columns(name: str, unit: float, own: np.ndarray, first: np.ndarray) -> dict[str, float]:
    """The median in ms, and the ratio to the first with its interval; from seconds (rounds, 1)."""
    ratio: Estimate = paired_ratio(own.sum(axis=1), first.sum(axis=1))
    milliseconds = estimate(own.sum(axis=1) * unit).median
    return {
        f"{name}_ms": milliseconds,
        f"{name}_ratio": ratio.median,
        f"{name}_low": ratio.low,
        f"{name}_high": ratio.high,
    }
