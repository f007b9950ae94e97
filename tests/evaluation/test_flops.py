"""Operations of training steps against closed forms and those of the published nets."""

import pytest
import torch
from torch import nn

from kanpipe.evaluation.flops import training_flops
from kanpipe.layers.families import family
from kanpipe.models.unet import UNet

PUBLISHED = {
    "grid_size": 3,
    "spline_order": 2,
    "base_activation": "gelu",
    "init": "torch_conv_kan",
    "linear_norm": "layer",
    "conv_norm": "instance",
    "output_activation": "prelu",
}


def test_convolutions_take_what_the_formula_says():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 5, 1))
    first, second = (2 * 4 * 16 * 16 * weight.numel() for weight in (net[0].weight, net[2].weight))
    # forward and the gradient of the weights; that of the input is wanted of the second alone
    assert training_flops(net, torch.zeros(4, 3, 16, 16)) == 2 * first + 3 * second


def test_model_is_left_as_it_is(draw):
    net = nn.Linear(3, 2)
    before = net.weight.clone()
    assert training_flops(net, torch.randn(5, 3, generator=draw)) == 2 * 2 * 5 * 3 * 2
    assert torch.equal(net.weight, before) and net.weight.grad is None


@pytest.mark.parametrize(("name", "options", "gmac"), [("mlp", {}, 3.89), ("kan", PUBLISHED, 22.9)])
def test_published_nets_take_what_was_counted_by_hand(name, options, gmac):
    with torch.device("meta"):  # shapes alone: nothing is computed
        net = UNet(family(name, **options))
        batch = torch.empty(2, 3, 32, 32), torch.zeros(2, dtype=torch.int64)
    # a backward pass takes twice what a forward pass does, but for a gradient that nobody asks of the first layers
    assert training_flops(net, *batch) == pytest.approx(3 * 2 * 2e9 * gmac, rel=0.01)


def test_recomputed_features_of_a_kan_take_no_products():
    counts = []
    for recompute in (False, True):
        layers = family("kan", recompute=recompute)
        net = nn.Sequential(nn.Conv2d(3, 8, 1), layers.conv2d(8, 8, 3, padding=1))
        counts.append(training_flops(net, torch.zeros(2, 3, 16, 16)))
    assert counts[0] == counts[1]
