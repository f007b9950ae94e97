"""The switch between ordinary and KAN layers."""

import pytest
import torch
from torch import nn

from kanpipe.layers import (
    FasterKANConv2d,
    FasterKANLinear,
    FastKANConv2d,
    FastKANLinear,
    KANConv2d,
    KANLinear,
    family,
)
from kanpipe.layers.families import FAMILIES

TORCH_CONV_KAN = {
    "linear_norm": "layer",
    "conv_norm": "instance",
    "output_activation": "prelu",
    "base_activation": "gelu",
    "scaler": False,
    "init": "torch_conv_kan",
    "grid_size": 3,
    "spline_order": 2,
}


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_mlp_is_ordinary_layers_with_relu():
    mlp = family("mlp")
    assert repr(mlp.linear(3, 2)) == repr(nn.Linear(3, 2))
    assert repr(mlp.conv2d(3, 2, 5, stride=2, groups=1)) == repr(nn.Conv2d(3, 2, 5, stride=2))
    assert isinstance(mlp.activation(), nn.ReLU)


@pytest.mark.parametrize(
    ("name", "linear", "conv", "options"),
    [
        ("kan", KANLinear, KANConv2d, {"grid_size": 7, "scaler": False, "grid_range": (-2.0, 2.0)}),
        ("fastkan", FastKANLinear, FastKANConv2d, {"centres": 5, "layer_norm": False}),
        ("fasterkan", FasterKANLinear, FasterKANConv2d, {"centres": 5, "recompute": True}),
    ],
)
def test_kan_families_are_layers_with_the_options_and_nothing_between(name, linear, conv, options):
    layers = family(name, **options)
    assert repr(layers.linear(3, 2)) == repr(linear(3, 2, **options))
    made = layers.conv2d(4, 6, 3, padding=1, stride=2, groups=2)
    assert repr(made) == repr(conv(4, 6, 3, padding=1, stride=2, groups=2, **options))
    assert isinstance(layers.activation(), nn.Identity)


def test_option_of_one_convolution_stands_above_that_of_the_family():
    assert family("kan", padding_mode="zeros").conv2d(2, 2, 3).padding_mode == "zeros"
    assert family("kan", bias=True).conv2d(2, 2, 3, bias=False).bias is None


def test_published_gradient_is_an_option_of_fasterkan():
    assert family("fasterkan", published_gradient=True).linear(3, 2).basis.gradient_scale == 0.5


@pytest.mark.parametrize("name", FAMILIES)
def test_every_layer_is_one_of_its_own_and_takes_its_shape(name, draw):
    layers = family(name)
    first, second = layers.linear(3, 2), layers.linear(3, 2)
    assert not torch.equal(first.weight, second.weight)
    assert first(torch.randn(5, 3, generator=draw)).shape == (5, 2)
    assert layers.conv2d(3, 4, 3, padding=1, stride=2)(torch.randn(5, 3, 8, 6, generator=draw)).shape == (5, 4, 4, 3)


def test_torch_conv_kan_is_a_configuration():
    layers = family("kan", **TORCH_CONV_KAN)
    assert count(layers.conv2d(128, 256, 3, padding=1)) == 1_769_473
    assert count(layers.linear(20, 30)) == 6 * 20 * 30 + 2 * 30 + 1
    conv, norm, activation = layers.conv2d(4, 6, 3)
    assert isinstance(conv, KANConv2d)
    assert isinstance(norm, nn.InstanceNorm2d)
    assert not norm.affine
    assert isinstance(activation, nn.PReLU)
    assert activation.weight.item() == 0.25


def test_published_networks_have_their_counts():
    fastkan, fasterkan = family("fastkan", centres=16), family("fasterkan", centres=16)
    assert sum(count(fastkan.linear(*pair)) for pair in ((784, 256), (256, 10))) == 3_457_834
    assert sum(count(fasterkan.linear(*pair)) for pair in ((784, 256), (256, 10))) == 3_254_304
    assert sum(count(family("kan").linear(*pair)) for pair in ((3, 32), (32, 32), (32, 32), (32, 2))) == 22_080


@pytest.mark.parametrize(
    ("option", "name", "kind"),
    [("batch", "linear", nn.BatchNorm1d), ("layer", "linear", nn.LayerNorm)]
    + [
        ("batch", "conv", nn.BatchNorm2d),
        ("instance_affine", "conv", nn.InstanceNorm2d),
        ("layer", "conv", nn.GroupNorm),
    ],
)
def test_norms_stand_behind_the_layer(option, name, kind, draw):
    layers = family("kan", **{f"{name}_norm": option})
    layer = layers.linear(3, 4) if name == "linear" else layers.conv2d(3, 4, 1)
    assert isinstance(layer[1], kind)
    assert len(list(layer[1].parameters())) == 2
    x = torch.randn(*(50, 3) if name == "linear" else (5, 3, 4, 4), generator=draw)
    out = layer(x)
    over = {
        "LayerNorm": 1,
        "BatchNorm1d": 0,
        "BatchNorm2d": (0, 2, 3),
        "InstanceNorm2d": (2, 3),
        "GroupNorm": (1, 2, 3),
    }
    mean = out.mean(over[kind.__name__])
    torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "kind"), [("prelu", nn.PReLU), ("silu", nn.SiLU), ("gelu", nn.GELU)])
def test_output_activations_stand_last(name, kind):
    assert isinstance(family("fastkan", output_activation=name).linear(3, 4)[-1], kind)


@pytest.mark.parametrize(
    ("options", "call", "message"),
    [
        (
            {"linear_norm": "instance"},
            ("linear", 3, 2),
            "linear_norm is 'instance'; choose one of layer, batch, or None",
        ),
        ({"conv_norm": "group"}, ("conv2d", 3, 2, 3), "conv_norm is 'group'; choose one of instance, instance_affine"),
        (
            {"output_activation": "relu"},
            ("linear", 3, 2),
            "output_activation is 'relu'; choose one of prelu, silu, gelu",
        ),
    ],
)
def test_unknown_norm_or_activation_is_refused_with_the_known_ones(options, call, message):
    method, *arguments = call
    with pytest.raises(ValueError, match=message):
        getattr(family("kan", **options), method)(*arguments)


def test_unknown_family_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match="there is no layer family 'fourier'; choose one of mlp, kan, fastkan, fasterkan"
    ):
        family("fourier")


def test_option_that_no_layer_of_the_family_has_is_refused():
    with pytest.raises(TypeError, match="centres"):
        family("kan", centres=8).linear(3, 2)
    with pytest.raises(TypeError, match="no arguments"):
        family("mlp", grid_size=5)
