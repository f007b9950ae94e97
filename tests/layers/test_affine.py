"""The affine twin of a layer on inputs of 0 and 1."""

import pytest
import torch

from kanpipe.layers.affine import affine_on_bits
from kanpipe.layers.families import family


@pytest.mark.parametrize("name", ["mlp", "kan", "chebykan", "fourierkan", "relukan", "waveletkan"])
def test_twin_equals_its_layer_on_bits(name):
    torch.manual_seed(0)
    layer = family(name).linear(30, 7).double()
    bits = torch.randint(2, (50, 30)).double()
    twin = affine_on_bits(layer, 30)
    torch.testing.assert_close(twin(bits), layer(bits), atol=1e-12, rtol=0)
    if name != "mlp":
        assert (twin(bits / 2) - layer(bits / 2)).abs().max() > 1e-3, "between 0 and 1 a KAN layer bends"


def test_layer_with_a_norm_over_its_inputs_has_no_twin():
    torch.manual_seed(0)
    layer = family("fastkan").linear(30, 7).double()
    bits = torch.randint(2, (50, 30)).double()
    assert (affine_on_bits(layer, 30)(bits) - layer(bits)).abs().max() > 1e-2
