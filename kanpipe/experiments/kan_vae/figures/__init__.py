"""The figures of the experiment; those of the source have their number in the docstring of what draws them."""

from functools import partial
from pathlib import Path

import pandas as pd

from kanpipe.data.classes import class_names
from kanpipe.experiments.kan_vae.config import Experiment
from kanpipe.experiments.kan_vae.figures.image_grids import posterior_samples, prior_samples
from kanpipe.experiments.kan_vae.figures.latent_space import latent_space
from kanpipe.experiments.kan_vae.figures.likelihood import likelihood
from kanpipe.experiments.kan_vae.figures.parameter_efficiency import fidelity_against_parameters
from kanpipe.experiments.kan_vae.figures.training_curves import training_curves
from kanpipe.experiments.kan_vae.published import DATASET
from kanpipe.experiments.kan_vae.words import kind
from kanpipe.reporting.plots import draw, statement
from kanpipe.reporting.variants import by_variant
from kanpipe.runs import FinishedRun


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF.

    Pictures show the first finished seed of those variants to be shown that were run.
    """
    variants = {variant.name: variant for variant in by_variant(runs, frames["runs"])}
    pictured = [variants[name] for name in spec.figures.variants if name in variants]
    kinds = {run.variant: kind(run.spec.variant) for run in runs}
    dataset, shown = spec.problem.dataset, spec.figures.variants
    published = dataset == DATASET
    pictures = {
        "training_curves": partial(training_curves, pictured, published),
        "latent_space": partial(latent_space, pictured, frames["latents"], class_names(dataset)),
        "posterior_samples": partial(posterior_samples, pictured),
        "prior_samples": partial(prior_samples, pictured),
    }
    if not any(variant.runs for variant in pictured):
        nothing = partial(statement, "None of the models to be shown has finished its training")
        pictures = dict.fromkeys(pictures, nothing)
    of_rows = {
        "fidelity_against_parameters": partial(fidelity_against_parameters, frames, kinds, shown, published),
        "likelihood": partial(likelihood, frames["runs"], kinds),
    }
    draw(pictures | of_rows, out)
