"""The figures of the experiment, each drawn by a module or function of its name."""

from pathlib import Path
from typing import Any

import pandas as pd

from kanpipe.experiments.cifar10_ddim.channel_means import channel_means
from kanpipe.experiments.cifar10_ddim.cost_and_quality import cost_and_quality
from kanpipe.experiments.cifar10_ddim.figure_names import FIGURES
from kanpipe.experiments.cifar10_ddim.image_grids import denoising, pictures, samples
from kanpipe.experiments.cifar10_ddim.knots import coverage
from kanpipe.experiments.cifar10_ddim.published import DATASET
from kanpipe.experiments.cifar10_ddim.sampler_steps import samplers
from kanpipe.experiments.cifar10_ddim.training_losses import training
from kanpipe.experiments.cifar10_ddim.words import base
from kanpipe.reporting.plots import house_style, save
from kanpipe.reporting.variants import by_variant
from kanpipe.runs import FinishedRun


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: dict[str, Any], out: Path) -> None:
    """Draw the figures of `figure_names` into the folder `out`, each as PNG and PDF.

    Pictures and samplers are those of `spec["figure_variants"]` that were run, pictures of the first finished seed. Of
    networks that were trained in another way too, only costs and scores are shown.
    """
    variants = [variant for variant in by_variant(runs, frames["runs"]) if base(variant.name) == variant.name]
    named = [variant for name in spec["figure_variants"] for variant in variants if variant.name == name]
    drawn = {variant.name: pictures(variant) for variant in named}
    with house_style():
        found = (
            samples(named, drawn),
            denoising(named, drawn),
            channel_means(variants, frames["means"]),
            coverage(variants, frames["coverage"]),
            training(variants, spec["figure_variants"]),
            cost_and_quality(frames["runs"], frames["scores"], spec["dataset"] == DATASET),
            samplers(frames["runs"], frames["scores"], spec["figure_variants"]),
        )
        for name, figure in zip(FIGURES, found, strict=True):
            save(figure, out / name)
