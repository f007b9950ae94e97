"""The figures of the experiment, each drawn by a module or function of its name."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from kanpipe.experiments.cifar10_ddim.config import Experiment
from kanpipe.experiments.cifar10_ddim.datasets import DATASETS
from kanpipe.experiments.cifar10_ddim.figures.channel_means import channel_means
from kanpipe.experiments.cifar10_ddim.figures.cost_and_quality import cost_and_quality
from kanpipe.experiments.cifar10_ddim.figures.image_grids import denoising, pictures, samples
from kanpipe.experiments.cifar10_ddim.figures.knots import coverage
from kanpipe.experiments.cifar10_ddim.figures.prelu_slopes import prelu_slopes
from kanpipe.experiments.cifar10_ddim.figures.sampler_steps import samplers
from kanpipe.experiments.cifar10_ddim.figures.training_losses import training
from kanpipe.experiments.cifar10_ddim.published import DATASET
from kanpipe.experiments.cifar10_ddim.words import Names, main_sampler
from kanpipe.reporting.plots import draw
from kanpipe.reporting.variants import by_variant
from kanpipe.runs import FinishedRun


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF.

    Pictures, channel means and samplers are those of the variants of `spec.figures` that were run, pictures of the
    first finished seed; channel means of all others are a figure of their own. Of networks that were trained in another
    way too, only costs and scores are shown.
    """
    names, chosen, kind = Names(frames["variants"]), spec.figures.variants, DATASETS[spec.problem.dataset]
    variants = [variant for variant in by_variant(runs, frames["runs"]) if names.base(variant.name) == variant.name]
    named = [variant for name in chosen for variant in variants if variant.name == name]
    others = [variant for variant in variants if variant.name not in chosen] if named else []
    rows, scores, published = frames["runs"], frames["scores"], spec.problem.dataset == DATASET
    walk = main_sampler(rows, scores)
    drawn = cache(lambda: {variant.name: pictures(variant) for variant in named})
    drawings: dict[str, Callable[[], Figure]] = {
        "samples": lambda: samples(named, drawn(), names, walk),
        "denoising": lambda: denoising(named, drawn(), names, walk),
        "channel_means": partial(channel_means, named or variants, frames["means"], names, kind),
        "channel_means_of_others": partial(channel_means, others, frames["means"], names, kind),
        "coverage": partial(coverage, variants, frames["coverage"], names),
        "prelu_slopes": partial(prelu_slopes, variants, frames["coverage"], names, kind),
        "training": partial(training, variants, frames["coverage"], names, chosen, kind),
        "cost_and_quality": partial(cost_and_quality, rows, scores, frames["speed"], names, chosen, published),
        "samplers": partial(samplers, rows, scores, names, chosen),
    }
    draw(drawings, out)
