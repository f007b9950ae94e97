"""The autoencoders of the experiment, for the table of parameters."""

from kanpipe.experiments.kan_vae import problem
from kanpipe.experiments.kan_vae.config import Experiment
from kanpipe.models.vae import VAE


def models(spec: Experiment) -> dict[str, VAE]:
    """The model of every variant."""
    return {name: problem.build(variant) for name, variant in spec.variants.items()}
