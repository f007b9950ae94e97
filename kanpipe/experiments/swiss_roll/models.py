"""The denoisers of the experiment, for the table of parameters."""

from kanpipe.experiments.swiss_roll import problem
from kanpipe.experiments.swiss_roll.config import Experiment
from kanpipe.models.denoiser import SwissRollDenoiser


def models(spec: Experiment) -> dict[str, SwissRollDenoiser]:
    """The model of every variant."""
    return {name: problem.build(variant) for name, variant in spec.variants.items()}
