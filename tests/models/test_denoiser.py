"""The swiss-roll denoiser: the published sizes and start."""

import math

import pytest
import torch
from torch import nn

from kanpipe.layers import KANLinear, family
from kanpipe.layers.registry import FAMILIES
from kanpipe.machine import seeded
from kanpipe.models import SwissRollDenoiser, parameter_count


def denoiser(name, hidden=(32, 32, 32), seed=0):
    with seeded(seed, "init"):
        return SwissRollDenoiser(family(name), hidden)


@pytest.mark.parametrize(
    ("name", "hidden", "count"),
    [
        ("mlp", (32, 32, 32), 2306),
        ("kan", (32, 32, 32), 22080),
        ("kan", (32,), 1600),
        ("mlp", (103, 103, 103), 22044),
        ("mlp", (26, 26, 26), 1562),
    ],
)
def test_parameter_count_is_the_published_one(name, hidden, count):
    assert parameter_count(denoiser(name, hidden)) == count


def test_parameter_count_leaves_out_what_is_not_trained():
    model = nn.Linear(3, 2)
    model.bias.requires_grad_(False)
    assert parameter_count(model) == 6


@pytest.mark.parametrize("name", ["mlp", "kan"])
def test_points_and_times_go_in_and_noise_comes_out(name):
    assert denoiser(name)(torch.zeros(7, 2), torch.zeros(7)).shape == (7, 2)


def test_output_depends_on_time_and_on_both_coordinates():
    model, x, time = denoiser("kan"), torch.zeros(3, 2), torch.zeros(3)
    still = model(x, time)
    assert not torch.equal(model(x, time + 0.5), still)
    assert not torch.equal(model(x + torch.tensor([0.5, 0.0]), time), still)
    assert not torch.equal(model(x + torch.tensor([0.0, 0.5]), time), still)


def test_layers_alternate_and_none_stands_after_the_last():
    assert [type(layer) for layer in denoiser("mlp").net] == [nn.Linear, nn.ReLU] * 3 + [nn.Linear]
    assert [type(layer) for layer in denoiser("kan", (32,)).net] == [KANLinear, nn.Identity, KANLinear]


def test_ordinary_layers_start_as_published():
    for layer in denoiser("mlp").net[::2]:
        bound = math.sqrt(6 / (layer.in_features + layer.out_features))
        assert 0.9 * bound < layer.weight.abs().max() <= bound  # the largest of 64 or more uniform values
        assert torch.equal(layer.bias, torch.full_like(layer.bias, 0.01))


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"mlp"}))
def test_other_layers_keep_their_own_start(name):
    with seeded(0, "init"):
        layers = [family(name).linear(*widths) for widths in ((3, 32), (32, 2))]
    expected = [parameter for layer in layers for parameter in layer.parameters()]
    ours = denoiser(name, (32,)).parameters()
    assert all(torch.equal(a, b) for a, b in zip(ours, expected, strict=True))


def test_ordinary_layer_starts_as_published_before_a_norm_too():
    with_norm = SwissRollDenoiser(family("mlp", linear_norm="layer"), (32,))
    assert torch.equal(with_norm.net[0][0].bias, torch.full((32,), 0.01))


@pytest.mark.parametrize("name", ["mlp", "kan"])
def test_weights_are_a_function_of_the_seed(name):
    first, again, other = (nn.utils.parameters_to_vector(denoiser(name, seed=seed).parameters()) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
