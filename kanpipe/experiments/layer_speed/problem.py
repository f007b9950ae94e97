"""The networks whose parameters were published with a time, for the table of parameters."""

from itertools import pairwise

from torch import nn

from kanpipe.experiments.layer_speed.config import Counted, Experiment
from kanpipe.layers.families import family


def models(spec: Experiment) -> dict[str, nn.Module]:
    """The network of every variant."""
    return {name: _network(variant) for name, variant in spec.variants.items()}


def _network(variant: Counted) -> nn.Module:
    layers = family(variant.family, **variant.options)
    return nn.Sequential(*(layers.linear(fan_in, fan_out) for fan_in, fan_out in pairwise(variant.widths)))
