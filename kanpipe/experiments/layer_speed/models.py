"""The networks whose parameters were published with a time, for the table of parameters."""

from itertools import pairwise
from typing import Any

from torch import nn

from kanpipe.layers.families import family


def models(spec: dict[str, Any]) -> dict[str, nn.Module]:
    """The network of every variant."""
    return {name: _network(variant) for name, variant in spec["variants"].items()}


def _network(variant: dict[str, Any]) -> nn.Module:
    options = {key: value for key, value in variant.items() if key not in ("family", "widths")}
    layers = family(variant["family"], **options)
    return nn.Sequential(*(layers.linear(fan_in, fan_out) for fan_in, fan_out in pairwise(variant["widths"])))
