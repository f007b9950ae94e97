"""The classifiers of the experiment, for the table of parameters."""

from kanpipe.experiments.range_init import problem
from kanpipe.experiments.range_init.config import Experiment
from kanpipe.models.fully_connected import FullyConnected


def models(spec: Experiment) -> dict[str, FullyConnected]:
    """The model of every variant."""
    return {name: problem.build(variant) for name, variant in spec.variants.items()}
