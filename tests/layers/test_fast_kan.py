"""FastKAN by its published formula (the published state dict is in test_state_dicts)."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kanpipe.layers import FastKANConv2d, FastKANLinear


def gaussians(u, layer):
    centres = torch.linspace(*layer.grid_range, layer.basis.size, dtype=u.dtype)
    return torch.exp(-(((u.unsqueeze(-1) - centres) / (centres[1] - centres[0])) ** 2))


@pytest.mark.parametrize("layer_norm", [True, False])
@pytest.mark.parametrize("options", [{}, {"centres": 5, "grid_range": (-1.0, 3.0), "recompute": True}], ids=str)
def test_base_sees_the_input_and_gaussians_its_norm(options, layer_norm, draw, make):
    layer = make(FastKANLinear, 6, 4, layer_norm=layer_norm, dtype=torch.float64, **options)
    x = 2 * torch.randn(9, 6, generator=draw, dtype=torch.float64) + 1
    u = F.layer_norm(x, (6,), layer.layernorm.weight, layer.layernorm.bias) if layer_norm else x
    spline = torch.einsum("nij,oij->no", gaussians(u, layer), layer.spline_weight)
    expected = F.linear(F.silu(x), layer.base_weight, layer.bias) + spline
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-13)
    assert torch.equal(layer.basis_input(x), u)


@pytest.mark.parametrize("x_shape", [(2, 3, 5, 4), (3, 5, 4)])
def test_convolution_normalises_each_image(x_shape, draw, make):
    layer = make(FastKANConv2d, 3, 4, 3, padding=1, dtype=torch.float64)
    x = 2 * torch.randn(x_shape, generator=draw, dtype=torch.float64) + 1
    batch = x.view(-1, 3, 5, 4)
    u = F.layer_norm(batch, (3, 5, 4))  # over channels, height and width, with one weight and bias a channel
    u = u * layer.layernorm.weight.view(-1, 1, 1) + layer.layernorm.bias.view(-1, 1, 1)
    bases = gaussians(u, layer).movedim(-1, 2).flatten(1, 2)  # channel by channel
    base = F.conv2d(F.silu(batch), layer.base_weight, layer.bias, padding=1)
    expected = base + F.conv2d(bases, layer.spline_weight.flatten(1, 2), padding=1)
    torch.testing.assert_close(layer(x), expected.view(*x_shape[:-3], 4, 5, 4), rtol=0, atol=1e-12)


def test_published_parameter_counts():
    def count(*widths, **options):
        layers = [FastKANLinear(*pair, **options) for pair in zip(widths, widths[1:], strict=False)]
        return sum(p.numel() for p in nn.Sequential(*layers).parameters())

    assert count(784, 64, 10) == 459_114
    assert count(784, 256, 10, centres=16) == 3_457_834
    assert count(7, 5) == 7 * 5 * 9 + 5 + 2 * 7


def test_centres_are_not_trained():
    assert {name for name, _ in FastKANLinear(3, 2).named_parameters()} == {
        "weight", "bias", "layernorm.weight", "layernorm.bias",
    }  # fmt: skip


def test_options_of_the_base_can_be_changed(draw):
    x = torch.randn(5, 3, generator=draw)
    bare = FastKANLinear(3, 2, base_activation=None, bias=False, layer_norm=False)
    assert bare.base_weight is None
    assert bare.bias is None
    expected = torch.einsum("nij,oij->no", gaussians(x, bare), bare.spline_weight)
    torch.testing.assert_close(bare(x), expected, rtol=0, atol=1e-6)  # 24 float32 products of order 0.1


@pytest.mark.parametrize(("kind", "sizes"), [(FastKANLinear, (3, 2)), (FastKANConv2d, (3, 2, 3))])
def test_bad_centres_and_inputs_are_refused(kind, sizes):
    with pytest.raises(ValueError, match="centres is 1; it must be at least 2"):
        kind(*sizes, centres=1)
    with pytest.raises(ValueError, match=r"grid_range is \(2, -2\); it must be finite and its first end below"):
        kind(*sizes, grid_range=(2, -2))
    with pytest.raises(ValueError, match="base_activation is 'relu'"):
        kind(*sizes, base_activation="relu")
    with pytest.raises(ValueError, match="init is 'zeros'; choose one of .*fast_kan"):
        kind(*sizes, init="zeros")


def test_edge_functions_are_of_what_stands_behind_the_norm(make):
    layer = make(FastKANLinear, 2, 3, dtype=torch.float64)
    points = torch.linspace(-3, 3, 7, dtype=torch.float64)
    curves = layer.edge_functions(points).numpy()
    spline = gaussians(points, layer).numpy() @ layer.spline_weight.detach().numpy().reshape(6, 8).T
    base = F.silu(points).numpy()[:, None] * layer.base_weight.detach().numpy().reshape(6)
    np.testing.assert_allclose(curves.reshape(6, 7).T, spline + base, rtol=0, atol=1e-13)
