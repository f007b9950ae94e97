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
    bspline_basis,
    family,
)
from kanpipe.layers.registry import FAMILIES

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


@pytest.mark.parametrize("shape", [(7, 5), (4, 5, 5), (2, 3, 4, 5)])
def test_batch_norm_is_one_of_the_features_wherever_the_batch_has_several_dimensions(draw, shape):
    layer = family("mlp", linear_norm="batch").linear(5, 5)
    out = layer(torch.randn(shape, generator=draw)).reshape(-1, 5)
    torch.testing.assert_close(out.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var(0, correction=0), torch.ones(5), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("name", "kind"), [("prelu", nn.PReLU), ("silu", nn.SiLU), ("gelu", nn.GELU)])
def test_output_activations_stand_last(name, kind):
    assert isinstance(family("fastkan", output_activation=name).linear(3, 4)[-1], kind)


@pytest.mark.parametrize("name", FAMILIES)
def test_none_takes_away_what_stands_behind_a_layer(name):
    nothing = {"linear_norm": "none", "conv_norm": "none", "output_activation": "none"}
    assert repr(family(name, **nothing).linear(3, 2)) == repr(family(name).linear(3, 2))
    assert repr(family(name, **nothing).conv2d(3, 2, 3)) == repr(family(name).conv2d(3, 2, 3))


def test_ordinary_layers_can_have_the_norm_and_activation_of_a_kan():
    layers = family("mlp", linear_norm="layer", conv_norm="instance", output_activation="prelu")
    conv, norm, activation = layers.conv2d(4, 6, 3)
    assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.InstanceNorm2d) and isinstance(activation, nn.PReLU)
    assert count(layers.conv2d(4, 6, 3)) == count(nn.Conv2d(4, 6, 3)) + 1
    assert count(layers.linear(4, 6)) == count(nn.Linear(4, 6)) + 2 * 6 + 1


def test_input_norm_is_seen_by_the_splines_and_not_by_the_base(draw):
    layers = family("kan", input_norm="layer", scaler=False, grid_range=(-3.0, 3.0))
    linear, conv = layers.linear(6, 4).double(), layers.conv2d(3, 4, 3).double()
    x = 5 + 2 * torch.randn(2, 6, generator=draw, dtype=torch.float64)
    u = nn.functional.layer_norm(x, (6,))
    splines = torch.einsum("oib,nib->no", linear.spline_weight, bspline_basis(u, grid_range=(-3.0, 3.0)))
    torch.testing.assert_close(linear(x), nn.functional.silu(x) @ linear.base_weight.T + splines)
    images = torch.randn(2, 3, 5, 5, generator=draw, dtype=torch.float64)
    images += torch.tensor([0.0, 1.0, -4.0], dtype=torch.float64).view(3, 1, 1)
    torch.testing.assert_close(conv.basis_input(images), nn.functional.layer_norm(images, (3, 5, 5)))


@pytest.mark.parametrize("name", ["fastkan", "fasterkan"])
def test_input_norm_of_radial_layers_is_their_own(name):
    for word, layer_norm in (("layer", True), ("none", False)):
        for made in (lambda layers: layers.linear(3, 2), lambda layers: layers.conv2d(3, 2, 1)):
            assert repr(made(family(name, input_norm=word))) == repr(made(family(name, layer_norm=layer_norm)))
            assert (made(family(name, input_norm=word)).layernorm is not None) == layer_norm


def test_norm_of_the_input_keeps_how_channels_differ_and_what_the_base_sees():
    """Images that differ in brightness or in colour alone: an InstanceNorm of them would be the same nothing."""
    conv = family("kan", input_norm="layer").conv2d(2, 1, 1)
    flat = torch.tensor([[1.0, 2.0], [2.0, 1.0], [3.0, 4.0]]).view(3, 2, 1, 1).expand(3, 2, 4, 4)
    first, swapped, brighter = conv.basis_input(flat)
    assert (first - swapped).abs().min() > 1.9 and torch.allclose(first, brighter, atol=1e-4)
    assert not torch.allclose(conv(flat)[0], conv(flat)[2])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("kan", {"linear_norm": "instance"}, "linear_norm is 'instance'; choose one of layer, batch, none"),
        ("mlp", {"conv_norm": "group"}, "conv_norm is 'group'; choose one of instance, instance_affine"),
        (
            "fastkan",
            {"output_activation": "relu"},
            "output_activation is 'relu'; choose one of prelu, prelu_from_1, silu, gelu, none",
        ),
        ("kan", {"input_norm": "batch"}, "input_norm is 'batch'; choose one of layer, none"),
        ("fasterkan", {"input_norm": "batch"}, "input_norm is 'batch'; choose one of layer, none"),
    ],
)
def test_unknown_norm_or_activation_is_refused_with_the_known_ones(name, options, message):
    with pytest.raises(ValueError, match=message):
        family(name, **options)


def test_unknown_family_is_refused_with_the_known_ones():
    message = "there is no layer family 'fourier'; choose one of mlp, kan, fastkan, fasterkan, chebykan, fourierkan, "
    with pytest.raises(ValueError, match=message):
        family("fourier")


def test_option_that_no_layer_of_the_family_has_is_refused():
    with pytest.raises(TypeError, match="centres"):
        family("kan", centres=8).linear(3, 2)
    with pytest.raises(TypeError, match="grid_size"):
        family("mlp", grid_size=5)
