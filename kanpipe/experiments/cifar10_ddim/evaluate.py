"""Fidelity of the samples of every run, and what becomes of their colours."""

import math
from typing import Any

import numpy as np
import pandas as pd

from kanpipe.diffusion.schedules import linear_schedule
from kanpipe.experiments.cifar10_ddim import problem
from kanpipe.experiments.cifar10_ddim.config import Diffusion, Experiment, Sampler
from kanpipe.experiments.cifar10_ddim.coverage import MEASURES, coverage_frame
from kanpipe.experiments.cifar10_ddim.datasets import SIDE
from kanpipe.experiments.cifar10_ddim.image_scores import ImageScores, summary
from kanpipe.experiments.cifar10_ddim.operations import gflop_per_step
from kanpipe.experiments.cifar10_ddim.samplers import ANCESTRAL, TIMESTEPS
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
COLOURS = ("mean_correlation", "mean_sd", "outside", "pixel_sd", "images_per_second")
DRAWN_IMAGES = 200  # of each run, whose channel means are kept


class Evaluation:
    """What all runs are scored with: the real images, and the frames that are filled run after run."""

    def __init__(self, spec: Experiment, inputs: Inputs, machine: Machine) -> None:
        self.spec, self.samplers = spec, spec.sampling.samplers
        self.main, options = next(iter(self.samplers.items()))
        images, count = problem.images(inputs.data, problem.dataset(spec.problem)), spec.evaluation.reference_images
        self.measured = ImageScores(images[:count], spec.evaluation, inputs, machine)
        self.data_mean_sd = mean_sd(channel_means(images[:count]))
        self.predicted_mean_sd = predicted_mean_sd(options, spec.problem.diffusion)
        self.scores = self.measured.floor(images[count : count + options.images])
        self.runs: list[dict[str, Any]] = []
        self.coverage: list[dict[str, Any]] = []
        self.means: list[tuple] = []

    def add(self, run: FinishedRun) -> None:
        """Score a run; one that has diverged, or has no images, has a row without scores."""
        samples, coverage = run.samples(), coverage_frame(run)
        self.coverage += coverage
        row = run.row() | self._scale(run, samples) | {"gflop_per_step": gflop_per_step(run.spec)}
        row |= {"last_loss": last_loss(run), "outside_knots": outside_knots(coverage)}
        row |= self._scores(run, samples) | dict.fromkeys(COLOURS, math.nan)
        if len(samples[self.main]):
            row |= colours(samples, self.main)
            self.means += drawn_means(run, samples, self.main)
        self.runs.append(row)

    def _scale(self, run: FinishedRun, samples: Arrays) -> dict[str, Any]:
        """What the numbers of this run depend on beside the run, or are to be held against."""
        net = {"channels": run.spec.network.channels, "family": run.spec.variant.family}
        net |= {"batch": run.spec.recipe.batch_size}
        kept = {"dataset": self.spec.problem.dataset, "reference_images": self.spec.evaluation.reference_images}
        sds = {"data_mean_sd": self.data_mean_sd, "predicted_mean_sd": self.predicted_mean_sd}
        return kept | net | {"sampler": self.main, "samples": len(samples[self.main])} | sds

    def _scores(self, run: FinishedRun, samples: Arrays) -> dict[str, float]:
        """The scores of the main sampler's images; those of all samplers become rows.

        So do those of as many images of the main sampler as the others have, since a distance depends on their number.
        """
        counts = [(name, n) for name in self.samplers if (n := len(samples[name]))]
        full, least = len(samples[self.main]), min((n for _, n in counts), default=0)
        if full > least:
            counts.append((self.main, least))
        rows = []
        for name, n in counts:
            head = run.record.entries(*HEAD) | self._described(name, self.samplers[name])
            rows += self.measured.rows(samples[name][:n], head)
        self.scores += rows
        return summary([row for row in rows if row["sampler"] == self.main and row["n"] == full])

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
        "scores": pd.DataFrame(evaluation.scores, columns=LONG),
        "coverage": pd.DataFrame(evaluation.coverage, columns=COVERAGE),
        "means": pd.DataFrame(evaluation.means, columns=MEANS),
    }


def colours(samples: Arrays, sampler: str) -> dict[str, float]:
    """What became of the channels' means and of the range of values, before clipping, and the speed of sampling."""
    start, end = samples[f"{sampler}/start_means"], samples[f"{sampler}/end_means"].astype(np.float64)
    return {
        "mean_correlation": float(np.corrcoef(start.ravel(), end.ravel())[0, 1]),
        "mean_sd": mean_sd(end),
        "outside": float(samples[f"{sampler}/outside"].mean(dtype=np.float64)),
        "pixel_sd": math.sqrt(samples[f"{sampler}/squares"].mean(dtype=np.float64) - end.mean() ** 2),
        "images_per_second": len(end) / float(samples[f"{sampler}/seconds"]),
    }


def channel_means(images: np.ndarray) -> np.ndarray:
    """Bytes (n, h, w, channels) -> the mean of each image's channels (n, channels), from -1 to 1."""
    return images.mean(axis=(1, 2)) / 127.5 - 1


def mean_sd(means: np.ndarray) -> float:
    """The standard deviation over the images of channel means (n, channels), as its mean over the channels."""
    return float(means.std(axis=0, ddof=1).mean()) if len(means) > 1 else math.nan


def predicted_mean_sd(sampler: Sampler, diffusion: Diffusion) -> float:
    """`mean_sd` of samples, if every noise that is predicted has the mean 0 in each channel.

    A step of DDIM with eta 0 then multiplies a channel's mean by sqrt(a' / a), so that it ends as that of x_T, of
    standard deviation 1 / 32 among 32 x 32 independent values, over sqrt(alpha_bar) at the highest time.
    """
    highest = diffusion.steps - 1
    if sampler.timesteps != ANCESTRAL and sampler.count is not None:
        highest = int(TIMESTEPS[sampler.timesteps](diffusion.steps, sampler.count).max())
    alpha_bar = linear_schedule(**diffusion.model_dump()).alpha_bar
    return float((SIDE * SIDE * alpha_bar[highest + 1]) ** -0.5)


def last_loss(run: FinishedRun) -> float:
    """The mean loss of the last 1 % of the steps; NaN for a run that has diverged."""
    loss = run.history()["loss"]
    return math.nan if run.diverged else float(loss.tail(max(1, len(loss) // 100)).mean())


def outside_knots(coverage: list[dict[str, Any]]) -> float:
    """The share of the inputs outside the grid at the last look, as its mean over the KAN layers; NaN without them."""
    last = max((row["step"] for row in coverage), default=0)
    return float(pd.Series([row["outside_grid"] for row in coverage if row["step"] == last], dtype=float).mean())


def drawn_means(run: FinishedRun, samples: Arrays, sampler: str) -> list[tuple]:
    """Rows of MEANS: the channel means of x_T and of the result, of the first images."""
    start, end = (samples[f"{sampler}/{name}"][:DRAWN_IMAGES] for name in ("start_means", "end_means"))
    return [(run.variant, run.seed, *place, mean, end[place]) for place, mean in np.ndenumerate(start)]
