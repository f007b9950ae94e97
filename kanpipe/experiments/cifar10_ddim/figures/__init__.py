"""The figures of the experiment, each drawn by a module or function of its name."""

from pathlib import Path

import pandas as pd

from kanpipe.experiments.cifar10_ddim.config import Experiment
from kanpipe.experiments.cifar10_ddim.datasets import DATASETS
from kanpipe.experiments.cifar10_ddim.figures.channel_means import channel_means
from kanpipe.experiments.cifar10_ddim.figures.cost_and_quality import cost_and_quality
from kanpipe.experiments.cifar10_ddim.figures.image_grids import denoising, pictures, samples
from kanpipe.experiments.cifar10_ddim.figures.knots import coverage
from kanpipe.experiments.cifar10_ddim.figures.sampler_steps import samplers
from kanpipe.experiments.cifar10_ddim.figures.training_losses import training
from kanpipe.experiments.cifar10_ddim.outputs import FIGURES
from kanpipe.experiments.cifar10_ddim.published import DATASET
from kanpipe.experiments.cifar10_ddim.words import Names
from kanpipe.reporting.plots import house_style, save
from kanpipe.reporting.variants import by_variant
from kanpipe.runs import FinishedRun


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF.

    Pictures and samplers are those of the variants of `spec.figures` that were run, pictures of the first finished
    seed. Of networks that were trained in another way too, only costs and scores are shown.
    """
    names, chosen, kind = Names(frames["variants"]), spec.figures.variants, DATASETS[spec.problem.dataset]
    variants = [variant for variant in by_variant(runs, frames["runs"]) if names.base(variant.name) == variant.name]
    named = [variant for name in chosen for variant in variants if variant.name == name]
    drawn = {variant.name: pictures(variant) for variant in named}
    with house_style():
        found = (
            samples(named, drawn, names),
            denoising(named, drawn, names),
            channel_means(variants, frames["means"], names, kind),
            coverage(variants, frames["coverage"], names),
            training(variants, names, chosen),
            cost_and_quality(frames["runs"], frames["scores"], names, spec.problem.dataset == DATASET),
            samplers(frames["runs"], frames["scores"], names, chosen),
        )
        for name, figure in zip(FIGURES, found, strict=True):
            save(figure, out / name)
