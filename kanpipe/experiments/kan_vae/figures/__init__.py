"""The figures of the experiment; those of the source have their number in the docstring of what draws them."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from kanpipe.data.classes import class_names
from kanpipe.experiments.kan_vae.config import Experiment
from kanpipe.experiments.kan_vae.figures.image_grids import posterior_samples, prior_samples
from kanpipe.experiments.kan_vae.figures.latent_space import latent_space
from kanpipe.experiments.kan_vae.figures.parameter_efficiency import fidelity_against_parameters
from kanpipe.experiments.kan_vae.figures.training_curves import training_curves
from kanpipe.experiments.kan_vae.outputs import FIGURES
from kanpipe.experiments.kan_vae.published import DATASET
from kanpipe.experiments.kan_vae.words import kind
from kanpipe.reporting.plots import house_style, save, statement
from kanpipe.reporting.variants import Variant, by_variant
from kanpipe.runs import FinishedRun


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF.

    Pictures show the first finished seed of those variants to be shown that were run.
    """
    variants = {variant.name: variant for variant in by_variant(runs, frames["runs"])}
    pictured = [variants[name] for name in spec.figures.variants if name in variants]
    kinds = {run.variant: kind(run.spec.variant) for run in runs}
    dataset = spec.problem.dataset
    published = dataset == DATASET
    with house_style():
        drawn = [
            *_pictures(pictured, frames["latents"], class_names(dataset), published),
            fidelity_against_parameters(frames, kinds, spec.figures.variants, published),
        ]
        for stem, figure in zip(FIGURES, drawn, strict=True):
            save(figure, out / stem)


def _pictures(
    variants: list[Variant], latents: pd.DataFrame, classes: tuple[str, ...], published: bool
) -> Iterator[Figure]:
    if not any(variant.runs for variant in variants):
        words = "None of the models to be shown has finished its training"
        yield from (statement(words) for _ in FIGURES[:-1])
        return
    yield training_curves(variants, published)
    yield latent_space(variants, latents, classes)
    yield posterior_samples(variants)
    yield prior_samples(variants)
