"""The stack of fully connected layers."""

import pytest
import torch
from torch import nn

from kanpipe.layers import KANLinear, family
from kanpipe.models import parameter_count
from kanpipe.models.fully_connected import FullyConnected


@pytest.mark.parametrize(
    ("name", "options", "widths", "count"),
    [
        ("kan", {"bias": True}, (784, 16, 10), 127_066),  # ten an edge, and 26 biases
        ("mlp", {}, (784, 160, 10), 127_210),
        ("mlp", {}, (784, 128, 10), 101_770),  # the best MLP of KANbeFair on MNIST
        ("mlp", {}, (3, 2), 8),
    ],
)
def test_parameter_count(name, options, widths, count):
    assert parameter_count(FullyConnected(family(name, **options), widths)) == count


def test_layers_alternate_and_none_stands_after_the_last():
    mlp, kan = (FullyConnected(family(name), (4, 3, 5, 2)).net for name in ("mlp", "kan"))
    assert [type(layer) for layer in mlp] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert [type(layer) for layer in kan[::2]] == [KANLinear] * 3


@pytest.mark.parametrize("name", ["mlp", "kan"])
def test_last_layer_is_given_the_last_hidden_values(name, draw):
    model, x = FullyConnected(family(name), (4, 3, 2)), torch.randn(5, 6, 4, generator=draw)
    hidden = model.last_hidden(x)
    assert hidden.shape == (5, 6, 3)
    assert torch.equal(model(x), model.net[-1](hidden))


def test_single_width_is_refused():
    with pytest.raises(ValueError, match=r"widths is \[4\]; it must name an input and an output at least"):
        FullyConnected(family("mlp"), [4])
