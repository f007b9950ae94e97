"""Scores of all runs on common samples, and what an ideal and a useless predictor would score on them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from kanpipe.diffusion.ancestral import ancestral_sample
from kanpipe.evaluation.distances import nearest_distance, sliced_wasserstein
from kanpipe.evaluation.posterior import posterior_mean_noise, posterior_noise
from kanpipe.experiments.protocol import Inputs
from kanpipe.experiments.swiss_roll import problem
from kanpipe.experiments.swiss_roll.config import Evaluation, Experiment
from kanpipe.machine import Machine, derived_seed
from kanpipe.runs import FinishedRun


@dataclass(frozen=True)
class Noisy:
    """Points, noised as in training: x_t (n, 2) at times t (n,), and the noise epsilon (n, 2) in them."""

    x_t: Tensor
    t: Tensor
    epsilon: Tensor


@dataclass(frozen=True)
class Common:
    """What every run is scored on: noisy points, of training points and of fresh ones, and fresh points as they are."""

    seen: Noisy
    fresh: Noisy
    points: np.ndarray  # (fresh_points, 2)


def evaluate(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> dict[str, pd.DataFrame]:
    """Two tables: `runs`, a row a run, and `floors`, the scores of predictors that need no training."""
    common = _common(spec, machine)
    rows = [run.row() | _problem(run) | _metrics(run, common, spec.evaluation, machine) for run in runs]
    return {"runs": pd.DataFrame(rows), "floors": pd.DataFrame(_floors(common, spec, machine))}


def _common(spec: Experiment, machine: Machine) -> Common:
    """The same for every run and on every device."""
    evaluation, data = spec.evaluation, problem.training_data(spec.problem)
    draw = torch.Generator().manual_seed(derived_seed("common sample", evaluation.common_seed))
    chosen = data[torch.randint(len(data), (evaluation.common_sample,), generator=draw)]
    others = problem.fresh_data(spec.problem, evaluation.common_sample, evaluation.fresh_seed + 2)
    points = problem.fresh_data(spec.problem, evaluation.fresh_points, evaluation.fresh_seed).numpy()
    return Common(_noisy(chosen, spec, draw, machine), _noisy(others, spec, draw, machine), points)


def _noisy(x0: Tensor, spec: Experiment, draw: torch.Generator, machine: Machine) -> Noisy:
    schedule = problem.schedule(spec.problem)
    t = torch.randint(schedule.steps, (len(x0),), generator=draw)
    epsilon = torch.randn(x0.shape, generator=draw)
    return Noisy(*(tensor.to(machine.device) for tensor in (schedule.diffuse(x0, t, epsilon), t, epsilon)))


def _problem(run: FinishedRun) -> dict[str, float]:
    diffusion = run.spec.problem.diffusion
    return {"diffusion_steps": diffusion.steps, "beta": diffusion.beta}


def _metrics(run: FinishedRun, common: Common, evaluation: Evaluation, machine: Machine) -> dict[str, Any]:
    """The run's scores; a diverged run has none."""
    samples = run.samples()
    generated = samples["generated"]
    scale = {"sampling_seed": int(samples["seed"]), "generated": len(generated), "common_sample": len(common.seen.t)}
    if run.diverged:
        return scale | _no_scores(run)
    if not np.isfinite(generated).all():
        return scale | _no_scores(run) | {"status": "samples not finite"}
    weights = run.tensors("weights.safetensors")
    losses = {
        "huber": _huber(run, weights, common.seen, machine),
        "huber_fresh": _huber(run, weights, common.fresh, machine),
    }
    return (
        scale
        | losses
        | _distances(generated, common.points, evaluation)
        | _snapshot_scores(run, common.seen, machine)
        | _batch_losses(run, evaluation)
    )


def _no_scores(run: FinishedRun) -> dict[str, None]:
    """The columns of a run that has nothing to score."""
    epochs = run.spec.training.snapshot_epochs
    by_epoch = [f"{metric}_epoch_{epoch}" for metric in ("huber", "first_batch_loss") for epoch in epochs]
    scores = ["huber", "huber_fresh", "swd", "nearest", "coverage"]
    return dict.fromkeys([*scores, *by_epoch, "last_batches_mean", "last_batches_sd"])


@torch.no_grad()
def _huber(run: FinishedRun, weights: dict[str, Tensor], noisy: Noisy, machine: Machine) -> float:
    model, steps = problem.restore(run, weights, machine), run.spec.problem.diffusion.steps
    chunks = zip(*(tensor.split(8192) for tensor in (noisy.x_t, noisy.t, noisy.epsilon)), strict=True)
    losses = [problem.noise_loss(model, x_t, t, epsilon, steps) * len(t) for x_t, t, epsilon in chunks]
    return float(torch.stack(losses).sum(dtype=torch.float64)) / len(noisy.t)


def _snapshot_scores(run: FinishedRun, noisy: Noisy, machine: Machine) -> dict[str, float]:
    """The score at every epoch whose weights were kept: `huber_epoch_0`, ..."""
    snapshots = problem.snapshots(run)
    return {f"huber_epoch_{epoch}": _huber(run, weights, noisy, machine) for epoch, weights in snapshots.items()}


def _batch_losses(run: FinishedRun, evaluation: Evaluation) -> dict[str, float]:
    """Losses of single first batches of an epoch: those at the published epochs, and their spread at the end."""
    first = run.history()["loss"].to_numpy()[:: problem.steps_per_epoch(run.spec)]
    printed = {f"first_batch_loss_epoch_{epoch}": first[epoch] for epoch in run.spec.training.snapshot_epochs}
    last = first[-evaluation.last_epochs :]
    return printed | {"last_batches_mean": last.mean(), "last_batches_sd": last.std(ddof=1)}


def _floors(common: Common, spec: Experiment, machine: Machine) -> list[dict[str, Any]]:
    """Scores without a network: the ends of the scale on which the networks are read."""
    evaluation, draw = spec.evaluation, np.random.default_rng(spec.evaluation.fresh_seed)
    columns = {
        "huber": _predictors(common.seen, spec, machine),
        "huber_fresh": _predictors(common.fresh, spec, machine),
    }
    losses = pd.DataFrame(columns).assign(n=evaluation.common_sample).rename_axis("name").reset_index()
    point_sets = {
        "real against real": problem.fresh_data(
            spec.problem, evaluation.fresh_points, evaluation.fresh_seed + 1
        ).numpy(),
        "standard normal noise": draw.standard_normal(common.points.shape),
    }
    if evaluation.ideal_sampler:
        point_sets |= {"sampled by the posterior mean": _ideal_samples(spec, machine)}
    distances = [
        {"name": name, "n": len(points)} | _distances(points, common.points, evaluation)
        for name, points in point_sets.items()
    ]
    return losses.to_dict("records") + distances


def _ideal_samples(spec: Experiment, machine: Machine) -> np.ndarray:
    """What is drawn where the network is perfect: that it is far from the data is then the schedule's doing."""
    evaluation, schedule = spec.evaluation, problem.schedule(spec.problem).to(machine.device)
    data = problem.training_data(spec.problem).to(machine.device)
    draw = machine.generator(evaluation.fresh_seed, "ideal sampler")
    noise = torch.randn(evaluation.fresh_points, data.shape[1], generator=draw, device=machine.device)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        return posterior_mean_noise(x, t, data, schedule)

    return ancestral_sample(predict, noise, schedule, draw)[0].cpu().numpy()


def _predictors(noisy: Noisy, spec: Experiment, machine: Machine) -> dict[str, float]:
    """The losses of what is best if x_0 is one of the training points, and of predicting no noise."""
    data = problem.training_data(spec.problem).to(machine.device)
    best = posterior_noise(noisy.x_t, noisy.t, data, problem.schedule(spec.problem).to(machine.device))
    predictors = {
        "posterior mean": best["mean"],
        "best for the Huber loss": best["huber"],
        "predict zero": torch.zeros_like(noisy.epsilon),
    }
    return {name: F.huber_loss(noise, noisy.epsilon).item() for name, noise in predictors.items()}


def _distances(points: np.ndarray, fresh: np.ndarray, evaluation: Evaluation) -> dict[str, float]:
    """How far a set of points is from fresh data: as a distribution, from the curve, and in what of it is missing."""
    swd = sliced_wasserstein(points, fresh, evaluation.projections, evaluation.projection_seed)
    return {"swd": swd, "nearest": nearest_distance(points, fresh), "coverage": nearest_distance(fresh, points)}
