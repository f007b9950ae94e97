"""The signatures of the layers say everything that a layer takes."""

import inspect

import pytest
from torch import nn

from kanpipe import layers
from kanpipe.config.layers import FAMILIES

CONVOLUTION = {"stride", "padding", "dilation", "groups", "padding_mode"}
# A configuration holds neither tensors nor modules, and networks are moved as a whole.
NOT_CONFIGURED = {"knots", "input_norm", "device", "dtype"}
AROUND = {"family", "linear_norm", "conv_norm", "output_activation", "input_norm"}
OPTIONS = {name: set(options.model_fields) for name, options in FAMILIES.items()}
NAMES = {"kan": "KAN", "fastkan": "FastKAN", "fasterkan": "FasterKAN"}


def keywords(kind: type[nn.Module]) -> set[str]:
    parameters = inspect.signature(kind).parameters.values()
    return {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("kind", ["Linear", "Conv2d"])
@pytest.mark.parametrize("family", NAMES)
def test_signature_is_whole_and_equals_what_a_configuration_may_say(family, kind):
    layer = getattr(layers, NAMES[family] + kind)
    parameters = inspect.signature(layer).parameters.values()
    assert not [parameter for parameter in parameters if parameter.kind is parameter.VAR_KEYWORD]
    assert all(parameter.annotation is not parameter.empty for parameter in parameters)
    assert keywords(layer) - CONVOLUTION - NOT_CONFIGURED == OPTIONS[family] - AROUND
    assert keywords(layer) >= (CONVOLUTION if kind == "Conv2d" else set())
    assert all(f"{name}: " in layer.__doc__ for name in keywords(layer))


@pytest.mark.parametrize(
    ("family", "basis"),
    [
        ("chebykan", layers.Chebyshev),
        ("fourierkan", layers.Fourier),
        ("relukan", layers.ReLUBumps),
        ("waveletkan", layers.Wavelets),
    ],
)
def test_configuration_may_say_what_a_basis_and_every_layer_of_one_take(family, basis):
    own = {"centres" if name == "size" else name for name in inspect.signature(basis).parameters}
    common = keywords(layers.KANLinear) - NOT_CONFIGURED - {"grid_size", "spline_order", "grid_range"}
    assert OPTIONS[family] - AROUND == own | common
