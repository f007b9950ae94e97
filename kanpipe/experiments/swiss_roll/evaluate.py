"""Scores of all runs on one common sample, and what an ideal and a useless predictor would score on it."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from kanpipe.evaluation.distances import nearest_distance, sliced_wasserstein
from kanpipe.evaluation.posterior import posterior_noise
from kanpipe.experiments.protocol import Inputs
from kanpipe.experiments.swiss_roll import problem
from kanpipe.experiments.swiss_roll.config import Evaluation, Experiment
from kanpipe.machine import Machine, derived_seed
from kanpipe.runs import FinishedRun

Common = tuple[Tensor, Tensor, Tensor]  # x_t (n, 2), t (n,), epsilon (n, 2)


def evaluate(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> dict[str, pd.DataFrame]:
    """Two tables: `runs`, a row a run, and `floors`, the scores of predictors that need no training."""
    common = _common_sample(spec, machine)
    fresh = problem.fresh_data(spec.problem, spec.evaluation.fresh_points, spec.evaluation.fresh_seed).numpy()
    rows = [run.row() | _metrics(run, common, fresh, spec.evaluation, machine) for run in runs]
    return {"runs": pd.DataFrame(rows), "floors": pd.DataFrame(_floors(common, fresh, spec, machine))}


def _common_sample(spec: Experiment, machine: Machine) -> Common:
    """Noisy data, the same for every run and on every device, drawn as in training."""
    schedule, data = problem.schedule(spec.problem), problem.training_data(spec.problem)
    n = spec.evaluation.common_sample
    draw = torch.Generator().manual_seed(derived_seed("common sample", spec.evaluation.common_seed))
    x0 = data[torch.randint(len(data), (n,), generator=draw)]
    t = torch.randint(schedule.steps, (n,), generator=draw)
    epsilon = torch.randn(x0.shape, generator=draw)
    x_t, t, epsilon = (tensor.to(machine.device) for tensor in (schedule.diffuse(x0, t, epsilon), t, epsilon))
    return x_t, t, epsilon


def _metrics(
    run: FinishedRun, common: Common, fresh: np.ndarray, evaluation: Evaluation, machine: Machine
) -> dict[str, Any]:
    """The run's scores; a diverged run has none."""
    samples = run.samples()
    generated = samples["generated"]
    scale = {"sampling_seed": int(samples["seed"]), "generated": len(generated), "common_sample": len(common[0])}
    if run.diverged:
        return scale | _no_scores(run)
    if not np.isfinite(generated).all():
        return scale | _no_scores(run) | {"status": "samples not finite"}
    scores = {"huber": _huber(run, run.tensors("weights.safetensors"), common, machine)}
    return (
        scale
        | scores
        | _distances(generated, fresh, evaluation)
        | _snapshot_scores(run, common, machine)
        | _batch_losses(run, evaluation)
    )


def _no_scores(run: FinishedRun) -> dict[str, None]:
    """The columns of a run that has nothing to score."""
    epochs = run.spec.training.snapshot_epochs
    by_epoch = [f"{metric}_epoch_{epoch}" for metric in ("huber", "first_batch_loss") for epoch in epochs]
    return dict.fromkeys(["huber", "swd", "nearest", *by_epoch, "last_batches_mean", "last_batches_sd"])


@torch.no_grad()
def _huber(run: FinishedRun, weights: dict[str, Tensor], common: Common, machine: Machine) -> float:
    model, steps = problem.restore(run, weights, machine), run.spec.problem.diffusion.steps
    chunks = zip(*(tensor.split(8192) for tensor in common), strict=True)
    losses = [problem.noise_loss(model, x_t, t, epsilon, steps) * len(t) for x_t, t, epsilon in chunks]
    return float(torch.stack(losses).sum(dtype=torch.float64)) / len(common[0])


def _snapshot_scores(run: FinishedRun, common: Common, machine: Machine) -> dict[str, float]:
    """The score at every epoch whose weights were kept: `huber_epoch_0`, ..."""
    snapshots = problem.snapshots(run)
    return {f"huber_epoch_{epoch}": _huber(run, weights, common, machine) for epoch, weights in snapshots.items()}


def _batch_losses(run: FinishedRun, evaluation: Evaluation) -> dict[str, float]:
    """Losses of single first batches of an epoch: those at the published epochs, and their spread at the end."""
    first = run.history()["loss"].to_numpy()[:: problem.steps_per_epoch(run.spec)]
    printed = {f"first_batch_loss_epoch_{epoch}": first[epoch] for epoch in run.spec.training.snapshot_epochs}
    last = first[-evaluation.last_epochs :]
    return printed | {"last_batches_mean": last.mean(), "last_batches_sd": last.std(ddof=1)}


def _floors(common: Common, fresh: np.ndarray, spec: Experiment, machine: Machine) -> list[dict[str, Any]]:
    """Scores without a network: the ends of the scale on which the networks are read."""
    x_t, t, epsilon = common
    data = problem.training_data(spec.problem).to(machine.device)
    best = posterior_noise(x_t, t, data, problem.schedule(spec.problem).to(machine.device))
    predictors = {"posterior mean": best["mean"], "best for the Huber loss": best["huber"], "predict zero": 0 * epsilon}
    evaluation = spec.evaluation
    other = problem.fresh_data(spec.problem, evaluation.fresh_points, evaluation.fresh_seed + 1).numpy()
    noise = np.random.default_rng(evaluation.fresh_seed).standard_normal(fresh.shape)
    point_sets = {"real against real": other, "standard normal noise": noise}
    losses = [{"name": k, "n": len(t), "huber": F.huber_loss(v, epsilon).item()} for k, v in predictors.items()]
    distances = [{"name": k, "n": len(v)} | _distances(v, fresh, evaluation) for k, v in point_sets.items()]
    return losses + distances


def _distances(points: np.ndarray, fresh: np.ndarray, evaluation: Evaluation) -> dict[str, float]:
    """How far a set of points is from fresh data: as a distribution, and from the curve."""
    swd = sliced_wasserstein(points, fresh, evaluation.projections, evaluation.projection_seed)
    return {"swd": swd, "nearest": nearest_distance(points, fresh)}
