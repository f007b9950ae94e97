"""FasterKAN by its published formula, and the gradient that is half of it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kanpipe.layers import FasterKANConv2d, FasterKANLinear


def switches(u, layer):
    centres = torch.linspace(*layer.grid_range, layer.basis.size, dtype=u.dtype)
    return 1 - torch.tanh(u.unsqueeze(-1) - centres) ** 2


@pytest.mark.parametrize("layer_norm", [True, False])
@pytest.mark.parametrize("options", [{}, {"centres": 5, "grid_range": (-1.2, 0.2), "recompute": True}], ids=str)
def test_output_is_the_weighted_sum_of_switches(options, layer_norm, draw, make):
    layer = make(FasterKANLinear, 6, 4, layer_norm=layer_norm, dtype=torch.float64, **options)
    x = 2 * torch.randn(9, 6, generator=draw, dtype=torch.float64) + 1
    u = F.layer_norm(x, (6,), layer.layernorm.weight, layer.layernorm.bias) if layer_norm else x
    expected = torch.einsum("nij,oij->no", switches(u, layer), layer.spline_weight)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-13)
    assert layer.base_weight is None
    assert layer.bias is None


def test_convolution_of_switches(draw, make):
    layer = make(FasterKANConv2d, 3, 4, (3, 2), padding=1, layer_norm=False, dtype=torch.float64)
    x = torch.randn(2, 3, 5, 4, generator=draw, dtype=torch.float64)
    bases = switches(x, layer).movedim(-1, 2).flatten(1, 2)  # channel by channel
    expected = F.conv2d(bases, layer.spline_weight.flatten(1, 2), padding=1)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(
    ("kind", "sizes", "shape"), [(FasterKANLinear, (3, 4), (6, 3)), (FasterKANConv2d, (3, 4, 2), (2, 3, 4, 4))]
)
def test_published_gradient_is_half_for_the_input_and_whole_for_the_weight(kind, sizes, shape, recompute, draw, make):
    x = torch.randn(shape, generator=draw, requires_grad=True)
    options = {"layer_norm": False, "recompute": recompute}
    true, published = (make(kind, *sizes, published_gradient=p, **options) for p in (False, True))
    outputs = [layer(x) for layer in (true, published)]
    assert torch.equal(*outputs)
    factor = torch.randn(outputs[0].shape, generator=draw)
    (x_true, w_true), (x_published, w_published) = (
        torch.autograd.grad((out * factor).sum(), [x, layer.weight])
        for out, layer in zip(outputs, (true, published), strict=True)
    )
    assert torch.equal(x_published, x_true / 2)
    assert torch.equal(w_published, w_true)
    assert x_true.abs().max() > 0.1


def test_published_gradient_behind_the_norm_halves_what_comes_through_it(draw, make):
    x = torch.randn(6, 3, generator=draw, requires_grad=True)
    gradients = []
    for published in (False, True):
        layer = make(FasterKANLinear, 3, 4, published_gradient=published)
        gradients.append(torch.autograd.grad(layer(x).square().sum(), [x, layer.layernorm.weight]))
    torch.testing.assert_close(gradients[1], tuple(g / 2 for g in gradients[0]), rtol=1e-6, atol=1e-7)


def test_published_gradient_of_two_layers_is_halved_once_for_the_first_weight_and_not_for_the_last(draw, make):
    x = torch.randn(6, 3, generator=draw)
    gradients = []
    for published in (False, True):
        first, last = (make(FasterKANLinear, *s, published_gradient=published) for s in ((3, 5), (5, 2)))
        gradients.append(torch.autograd.grad(last(first(x)).sum(), [first.weight, last.weight]))
    torch.testing.assert_close(gradients[1][0], gradients[0][0] / 2, rtol=1e-6, atol=1e-7)
    assert torch.equal(gradients[1][1], gradients[0][1])


def test_published_parameter_counts():
    def layers(*widths, **options):
        return nn.Sequential(*[FasterKANLinear(*pair, **options) for pair in zip(widths, widths[1:], strict=False)])

    head = layers(256, 128, 64, 32, 16, 10)
    assert sum(p.numel() for name, p in head.named_parameters() if "layernorm" in name) == 992
    assert sum(p.numel() for name, p in head.named_parameters() if "layernorm" not in name) == 349_440
    assert sum(p.numel() for p in layers(784, 256, 10, centres=16).parameters()) == 3_254_304


@pytest.mark.parametrize(("kind", "sizes"), [(FasterKANLinear, (3, 2)), (FasterKANConv2d, (3, 2, 3))])
def test_bad_centres_are_refused(kind, sizes):
    with pytest.raises(ValueError, match="centres is 0; it must be at least 2"):
        kind(*sizes, centres=0)
    with pytest.raises(ValueError, match=r"grid_range is \(1.2, 1.2\); it must be finite and its first end below"):
        kind(*sizes, grid_range=(1.2, 1.2))
