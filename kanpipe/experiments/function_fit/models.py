"""The networks of the experiment, for the table of parameters: KANs with their last grid."""

from torch import nn

from kanpipe.experiments.function_fit import problem
from kanpipe.experiments.function_fit.config import Experiment


def models(spec: Experiment) -> dict[str, nn.Module]:
    """The model of every variant."""
    return {name: problem.build(variant) for name, variant in spec.variants.items()}
