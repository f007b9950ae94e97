"""The switch between ordinary and KAN layers."""

import pytest
from torch import nn

from kanpipe.layers import KANLinear, family


def test_mlp_is_linear_layers_with_relu():
    mlp = family("mlp")
    assert repr(mlp.linear(3, 2)) == repr(nn.Linear(3, 2))
    assert isinstance(mlp.activation(), nn.ReLU)


def test_kan_is_kan_layers_with_the_options_and_nothing_between():
    kan = family("kan", grid_size=7, scaler=False)
    assert repr(kan.linear(3, 2)) == repr(KANLinear(3, 2, grid_size=7, scaler=False))
    assert isinstance(kan.activation(), nn.Identity)


def test_every_linear_is_a_layer_of_its_own():
    kan = family("kan")
    assert kan.linear(3, 2) is not kan.linear(3, 2)


def test_unknown_family_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="there is no layer family 'fourier'; choose one of mlp, kan"):
        family("fourier")
