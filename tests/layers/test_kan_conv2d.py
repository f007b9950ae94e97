"""The convolution against its definition: the edge functions at every pixel of every patch, added up."""

from itertools import product

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kanpipe.layers import FasterKANConv2d, FastKANConv2d, KANConv2d, KANLinear

PADDINGS = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def padded(x, padding, mode):
    """numpy's padding of the last two dimensions."""
    return np.pad(x, [(0, 0)] * (x.ndim - 2) + [(padding[0],) * 2, (padding[1],) * 2], mode=mode)


def by_definition(layer, x, bases):
    """sum over channels, bases and kernel entries, pixel by pixel; `bases` gives (..., J) for an array."""

    def features(x):
        return np.concatenate([F.silu(torch.from_numpy(x)).numpy()[..., None], bases(x)], -1)  # (n, c, h, w, 1 + J)

    if layer.padding_mode == "zero_features":
        maps = np.moveaxis(padded(np.moveaxis(features(x), -1, 2), layer.padding, "constant"), 2, -1)
    else:
        maps = features(padded(x, layer.padding, PADDINGS[layer.padding_mode]))
    scaler = 1 if layer.spline_scaler is None else layer.spline_scaler.unsqueeze(2)
    weight = torch.cat([layer.base_weight.unsqueeze(2), layer.spline_weight * scaler], 2).detach().numpy()
    height, width = ((maps.shape[i + 2] - d * (k - 1) - 1) // s + 1 for i, (d, k, s) in enumerate(geometry(layer)))
    out = np.zeros((len(x), layer.out_channels, height, width))
    (stride_y, stride_x), (step_y, step_x) = layer.stride, layer.dilation
    inputs, outputs = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    for o, i, j in product(range(layer.out_channels), range(height), range(width)):
        first = o // outputs * inputs
        for p, q in product(*map(range, layer.kernel_size)):
            pixel = maps[:, first : first + inputs, i * stride_y + p * step_y, j * stride_x + q * step_x]
            out[:, o, i, j] += (pixel * weight[o, :, :, p, q]).sum((1, 2))
    return out if layer.bias is None else out + layer.bias.detach().numpy()[:, None, None]


def geometry(layer):
    return zip(layer.dilation, layer.kernel_size, layer.stride, strict=True)


def bases_of(layer, scipy_basis, uniform_knots):
    """scipy's splines, with ranges of each channel where the layer has them; numpy's Gaussians and 1 - tanh^2."""
    if isinstance(layer, KANConv2d):
        size, k = layer.basis.grid_size, layer.basis.spline_order
        if layer.grid is None:
            return lambda x: scipy_basis(x, uniform_knots(size, k, layer.grid_range), k)
        knots = [uniform_knots(size, k, ends) for ends in layer.grid.T.numpy()]
        return lambda x: np.stack([scipy_basis(x[:, c], t, k) for c, t in enumerate(knots)], 1)
    centres = np.linspace(*layer.grid_range, layer.basis.size)
    if isinstance(layer, FastKANConv2d):
        return lambda x: np.exp(-(((x[..., None] - centres) / (centres[1] - centres[0])) ** 2))
    return lambda x: 1 / np.cosh(x[..., None] - centres) ** 2


RANGES = (torch.tensor([-1.0, -2.0, 0.0, -1.5]), torch.tensor([1.0, 0.5, 2.0, 3.0]))
CASES = [
    {},
    {"padding": 1},
    {"padding": (2, 1), "stride": (1, 2), "grid_size": 3, "spline_order": 2},
    {"padding": 2, "dilation": (2, 1), "bias": True},
    {"padding": 1, "groups": 2, "scaler": True},
    {"padding": 1, "groups": 4, "stride": 2, "grid_range": RANGES},
    {"padding": "same", "grid_range": (-2.0, 3.0)},
    {"padding": "valid", "grid_range": RANGES, "spline_order": 1},
    {"padding": (1, 2), "padding_mode": "zeros", "grid_range": RANGES},
    {"padding": (2, 1), "padding_mode": "zeros", "stride": 2, "groups": 2, "dilation": 2, "bias": True},
    {"padding": (1, 2), "padding_mode": "reflect", "scaler": True},
    {"padding": (2, 1), "padding_mode": "replicate", "stride": (2, 1)},
    {"padding": (1, 2), "padding_mode": "circular", "dilation": (1, 2)},
]


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("options", CASES, ids=str)
def test_output_is_the_sum_of_the_edge_functions_of_a_patch(options, recompute, draw, make, scipy_basis, uniform_knots):
    options = {"kernel_size": (3, 3) if options.get("padding") == "same" else (3, 2), **options}
    layer = make(KANConv2d, 4, 8, recompute=recompute, dtype=torch.float64, **options)
    x = 1.2 * torch.randn(2, 4, 7, 6, generator=draw, dtype=torch.float64)
    expected = by_definition(layer, x.numpy(), bases_of(layer, scipy_basis, uniform_knots))
    # up to 4 * 6 * 9 products, of bases good to 8e-15 and weights of some 0.3
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [FastKANConv2d, FasterKANConv2d])
@pytest.mark.parametrize("padding_mode", ["zero_features", "zeros"])
def test_other_bases_are_convolved_alike(kind, padding_mode, draw, make, scipy_basis, uniform_knots):
    options = {"padding": 1, "padding_mode": padding_mode, "groups": 2, "base_activation": "silu", "layer_norm": False}
    layer = make(kind, 4, 2, (2, 3), dtype=torch.float64, **options)
    x = torch.randn(2, 4, 5, 4, generator=draw, dtype=torch.float64)
    expected = by_definition(layer, x.numpy(), bases_of(layer, scipy_basis, uniform_knots))
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, rtol=0, atol=1e-12)


def test_border_conventions_differ_at_the_border_and_nowhere_else(draw, make):
    x = torch.randn(1, 2, 6, 5, generator=draw, dtype=torch.float64)
    options = {"padding": 1, "dtype": torch.float64}
    features, inputs = (make(KANConv2d, 2, 3, 3, padding_mode=m, **options)(x) for m in ("zero_features", "zeros"))
    inner = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(features[inner], inputs[inner], rtol=0, atol=1e-14)
    border = torch.ones(6, 5, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    assert ((features - inputs).abs() > 1e-4)[..., border].all()  # B_j(0) is not 0


def test_kernel_of_one_pixel_is_the_linear_layer(draw, make):
    linear = make(KANLinear, 5, 4, bias=True, dtype=torch.float64)
    conv = KANConv2d(5, 4, 1, bias=True, scaler=True, dtype=torch.float64)
    with torch.no_grad():
        for name, value in linear.named_parameters():
            getattr(conv, name).copy_(value.view_as(getattr(conv, name)))
    x = torch.randn(2, 5, 3, 4, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(conv(x).movedim(1, -1), linear(x.movedim(1, -1)), rtol=0, atol=1e-13)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("kind", [KANConv2d, FastKANConv2d, FasterKANConv2d])
@pytest.mark.parametrize("padding_mode", ["zero_features", "zeros", "reflect", "replicate", "circular"])
def test_image_without_a_batch(kind, padding_mode, recompute, draw, make):
    layer = make(kind, 4, 6, 3, padding=1, groups=2, padding_mode=padding_mode, bias=True, recompute=recompute)
    x = torch.randn(4, 6, 5, generator=draw)
    gradients = []
    for image in (x, x.unsqueeze(0)):
        image.requires_grad_()
        out = layer(image)
        gradients.append(torch.autograd.grad(out.square().sum(), [image, *layer.parameters()]))
    assert layer(x).shape == (6, 6, 5)
    torch.testing.assert_close(layer(x), out[0], rtol=0, atol=1e-5)  # some 170 products of order 1 in float32
    torch.testing.assert_close(gradients[0][0], gradients[1][0][0], rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(gradients[0][1:], gradients[1][1:], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("kind", [KANConv2d, FastKANConv2d, FasterKANConv2d])
@pytest.mark.parametrize("padding_mode", ["zero_features", "zeros"])
def test_channels_last_stays_so_with_the_same_numbers(kind, padding_mode, recompute, draw, make):
    layer = make(kind, 4, 8, 3, padding=1, padding_mode=padding_mode, recompute=recompute)
    x = torch.randn(3, 4, 6, 5, generator=draw)
    last = x.to(memory_format=torch.channels_last).requires_grad_()
    out, expected = layer(last), layer(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert not expected.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-5)
    out.sum().backward()
    (gradient,) = torch.autograd.grad(layer(x.requires_grad_()).sum(), x)
    torch.testing.assert_close(last.grad, gradient, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("sizes", "options", "count"),
    [
        ((128, 256, 3), {"grid_size": 3, "spline_order": 2}, 128 * 256 * 9 * 6),
        ((4, 6, (3, 2)), {"groups": 2, "bias": True}, 2 * 6 * 6 * 9 + 6),
        ((4, 6, 3), {"scaler": True, "base_activation": None}, 4 * 6 * 9 * 9),
    ],
)
def test_parameter_count(sizes, options, count):
    assert sum(p.numel() for p in KANConv2d(*sizes, **options).parameters()) == count


def test_weights_are_seen_in_the_published_layout_and_can_be_written():
    layer = KANConv2d(4, 6, (3, 2), groups=2, grid_size=2, spline_order=1)
    assert layer.weight.shape == (6, 4 * 2, 3, 2)
    assert layer.base_weight.shape == (6, 2, 3, 2)
    assert layer.spline_weight.shape == (6, 2, 3, 3, 2)
    with torch.no_grad():
        layer.spline_weight[5, 1, 2] = 7
    assert (layer.weight[5, 2 * 3 + 1] == 7).all()  # base and two bases of both channels, then the third of channel 1


def test_representation_says_all_options():
    text = repr(KANConv2d(4, 6, 3, stride=2, groups=2, padding_mode="reflect", bias=True))
    for part in ("4, 6, kernel_size=(3, 3)", "stride=(2, 2)", "groups=2", "'reflect'", "grid_size=5", "bias=True"):
        assert part in text


@pytest.mark.parametrize("kind", [KANConv2d, FastKANConv2d, FasterKANConv2d])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 3}, "groups is 3; it must divide 4 and 6 channels"),
        ({"groups": 4}, "groups is 4; it must divide 4 and 6 channels"),
        ({"groups": 0}, "groups is 0; it must divide"),
        (
            {"padding_mode": "mirror"},
            "padding_mode is 'mirror'; choose one of zero_features, zeros, reflect, replicate",
        ),
        ({"padding": "full"}, "padding is 'full'; give 'valid', 'same' or numbers"),
        ({"padding": "same", "stride": 2}, "padding='same' needs stride 1"),
        ({"padding": "same", "kernel_size": 2}, "padding='same' needs stride 1 and a kernel of odd extent"),
        ({"base_activation": "tanh"}, "base_activation is 'tanh'; choose one of silu, gelu, identity, or None"),
        ({"init": "orthogonal"}, "init is 'orthogonal'; choose one of kaiming, pykan"),
    ],
)
def test_option_that_does_not_exist_is_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(4, 6, **{"kernel_size": 3, **options})


@pytest.mark.parametrize("kind", [KANConv2d, FastKANConv2d, FasterKANConv2d])
def test_input_that_does_not_fit_is_refused(kind):
    layer = kind(4, 6, 3)
    with pytest.raises(ValueError, match=r"the input has shape \(2, 5, 8, 8\); this layer takes \(n, 4, h, w\)"):
        layer(torch.zeros(2, 5, 8, 8))
    with pytest.raises(ValueError, match=r"the input has shape \(8, 4\)"):
        layer(torch.zeros(8, 4))
    with pytest.raises(TypeError, match="takes a floating-point tensor, not torch.uint8"):
        layer(torch.zeros(2, 4, 8, 8, dtype=torch.uint8))


@pytest.mark.parametrize("groups", [1, 2])
def test_empty_batch_has_gradients_of_nothing(groups):
    layer, x = KANConv2d(4, 4, 3, padding=1, groups=groups), torch.zeros(0, 4, 5, 5, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.shape == x.shape and not layer.weight.grad.any()
