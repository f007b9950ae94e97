"""Fidelity of the samples of every run, and what becomes of their colours."""

import math
from typing import Any

import numpy as np
import pandas as pd

from kanpipe.config.layers import OfAnyFamily
from kanpipe.experiments.cifar10_ddim import problem
from kanpipe.experiments.cifar10_ddim.colours import (
    COLOURS,
    channel_means,
    colours,
    mean_sd,
    predicted_mean_sd,
    prelu,
    steepest,
)
from kanpipe.experiments.cifar10_ddim.config import Experiment, Sampler, UNet
from kanpipe.experiments.cifar10_ddim.coverage import MEASURES, coverage_frame
from kanpipe.experiments.cifar10_ddim.floors import floors
from kanpipe.experiments.cifar10_ddim.image_scores import ImageScores, summary
from kanpipe.experiments.cifar10_ddim.operations import gflop_per_step
from kanpipe.experiments.cifar10_ddim.samplers import ANCESTRAL
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine
from kanpipe.progress import Progress
from kanpipe.runs import FinishedRun

Arrays = dict[str, np.ndarray]

HEAD = ["experiment", "variant", "seed"]
SAMPLER = ["sampler", "timesteps", "count", "eta"]
LONG = [*HEAD, *SAMPLER, "extractor", "layer", "metric", "n", "n_reference", "value", "sd"]
COVERAGE = ["variant", "seed", "step", "layer", "place", *MEASURES]
MEANS = ["variant", "seed", "image", "channel", "start", "end"]
DRAWN_IMAGES = 200  # of each run, whose channel means are kept


class Evaluation:
    """What all runs are scored with: the real images, and the frames that are filled run after run."""

    def __init__(self, spec: Experiment, inputs: Inputs, machine: Machine) -> None:
        self.spec, self.samplers = spec, spec.sampling.samplers
        self.main, options = next(iter(self.samplers.items()))
        self.kind, diffusion = problem.dataset(spec.problem), spec.problem.diffusion
        images, count = problem.images(inputs.data, self.kind), spec.evaluation.reference_images
        self.references = min(count, len(images))
        self.measured = ImageScores(images[:count], spec.evaluation, self.kind, inputs, machine)
        self.data_mean_sd = mean_sd(channel_means(images[:count]))
        self.steepest, self.predicted_mean_sd = steepest(options, diffusion), predicted_mean_sd(options, diffusion)
        others = images[count : count + options.images]
        self.scores = self.measured.floor(others)
        # Images that are compared with would be nearer to themselves: they serve where there are too few others.
        real = others if len(others) == options.images else images[: options.images]
        for name, found in floors(real, self.predicted_mean_sd, spec.evaluation.seed).items():
            self.scores += self.measured.rows(found, {"variant": name})
        self.runs: list[dict[str, Any]] = []
        self.coverage: list[dict[str, Any]] = []
        self.means: list[tuple] = []

    def add(self, run: FinishedRun) -> None:
        """Score a run; one that has diverged, or has no images, has a row without scores."""
        samples, coverage = run.samples(), coverage_frame(run)
        self.coverage += coverage
        row = run.row() | self._scale(run, samples) | {"gflop_per_step": gflop_per_step(run.spec)}
        row |= {"last_loss": last_loss(run), "outside_knots": outside_knots(coverage)} | held_out(run)
        row |= prelu(coverage, math.prod(self.kind.shape), self.steepest, ends_in_norm(run.spec.variant))
        row |= self._scores(run, samples) | dict.fromkeys(COLOURS, math.nan)
        if len(samples[self.main]):
            row |= colours(samples, self.main, run.sampling_seconds()[self.main])
            self.means += drawn_means(run, samples, self.main)
        self.runs.append(row)

    def _scale(self, run: FinishedRun, samples: Arrays) -> dict[str, Any]:
        """What the numbers of this run depend on beside the run, or are to be held against."""
        net = {"channels": run.spec.network.channels, "family": run.spec.variant.family}
        net |= {"batch": run.spec.recipe.batch_size, "precision": run.spec.recipe.precision}
        kept = {"dataset": self.spec.problem.dataset, "reference_images": self.references}
        sds = {"data_mean_sd": self.data_mean_sd, "predicted_mean_sd": self.predicted_mean_sd}
        sds |= {"predicted_slope": self.steepest}
        return kept | net | {"sampler": self.main, "samples": len(samples[self.main])} | sds

    def _scores(self, run: FinishedRun, samples: Arrays) -> dict[str, float]:
        """The scores of the main sampler's images; those of all samplers become rows.

        So do those of as many images of the main sampler as the others have, since a distance depends on their number.
        """
        counts = [(name, n) for name in self.samplers if (n := len(samples[name]))]
        full, least = len(samples[self.main]), min((n for _, n in counts), default=0)
        if full > least:
            counts.append((self.main, least))
        rows = {}
        for name, n in counts:
            head = run.record.entries(*HEAD) | self._described(name, self.samplers[name])
            rows[name, n] = self.measured.rows(samples[name][:n], head)
            self.scores += rows[name, n]
        return summary(rows.get((self.main, full), []))

    def said_with(self, scores: pd.DataFrame) -> pd.DataFrame:
        """The scores with what all of them were measured with: `weights` are the SHA-256 of those of the extractor."""
        return scores.assign(
            dataset=self.spec.problem.dataset,
            reference="train",
            weights=scores["extractor"].map(self.measured.weights()),
            sampling_seed=scores["seed"] + self.spec.sampling.seed,
            scoring_seed=self.spec.evaluation.seed,
        )

    def _described(self, name: str, options: Sampler) -> dict[str, Any]:
        eta = math.nan if options.timesteps == ANCESTRAL else options.eta or 0.0
        count = self.spec.problem.diffusion.steps if options.count is None else options.count
        return {"sampler": name, "timesteps": options.timesteps, "count": count, "eta": eta}


def evaluate(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> dict[str, pd.DataFrame]:
    """Four tables: `runs`, a row a run; `scores`, a row a set of images and layer of a network; `coverage`, a row a
    KAN layer and step at which its inputs were looked at; `means`, a row a drawn image and channel.
    """
    evaluation = Evaluation(spec, inputs, machine)
    experiments = dict.fromkeys(run.record.experiment for run in runs)
    with Progress(f"{' '.join(experiments)} evaluation", len(runs), unit="run") as progress:
        for run in runs:
            evaluation.add(run)
            progress.advance()
    return {
        "runs": pd.DataFrame(evaluation.runs),
        "scores": evaluation.said_with(pd.DataFrame(evaluation.scores, columns=LONG)),
        "coverage": pd.DataFrame(evaluation.coverage, columns=COVERAGE),
        "means": pd.DataFrame(evaluation.means, columns=MEANS),
    }


def ends_in_norm(variant: OfAnyFamily[UNet]) -> bool:
    """Whether an InstanceNorm stands behind the last convolution."""
    own = variant.conv_out.conv_norm if variant.conv_out else None
    return (own or variant.options.get("conv_norm")) == "instance"


def last_loss(run: FinishedRun) -> float:
    """The mean loss of the last 1 % of the steps; NaN for a run that has diverged."""
    loss = run.history()["loss"]
    return math.nan if run.diverged else float(loss.tail(max(1, len(loss) // 100)).mean())


def held_out(run: FinishedRun) -> dict[str, float]:
    """`held_out_loss`, the lowest on the images that were held out, and `held_out_fall`, by which share the lowest loss
    fell in the last tenth of the steps; NaN where none were, or a run has diverged.
    """
    looks = run.validation()
    if run.diverged or looks.empty or "loss" not in looks:
        return dict.fromkeys(("held_out_loss", "held_out_fall"), math.nan)
    before = looks.loc[looks["step"] <= 0.9 * run.record.steps, "loss"]
    lowest = float(looks["loss"].min())
    return {"held_out_loss": lowest, "held_out_fall": float(1 - lowest / before.min()) if len(before) else math.nan}


def outside_knots(coverage: list[dict[str, Any]]) -> float:
    """The share of the inputs outside the grid at the last look, as its mean over the KAN layers; NaN without them."""
    last = max((row["step"] for row in coverage), default=0)
    return float(pd.Series([row["outside_grid"] for row in coverage if row["step"] == last], dtype=float).mean())


def drawn_means(run: FinishedRun, samples: Arrays, sampler: str) -> list[tuple]:
    """Rows of MEANS: the channel means of x_T and of the result, of the first images."""
    start, end = (samples[f"{sampler}/{name}"][:DRAWN_IMAGES] for name in ("start_means", "end_means"))
    return [(run.variant, run.seed, *place, mean, end[place]) for place, mean in np.ndenumerate(start)]
