"""Features and their two ways to the gradient: kept, or made again when going back."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kanpipe.layers import (
    BasisConv2d,
    BasisLinear,
    Chebyshev,
    FasterKANConv2d,
    FasterKANLinear,
    FastKANConv2d,
    FastKANLinear,
    Fourier,
    KANConv2d,
    KANLinear,
    ReLUBumps,
    Wavelets,
)
from kanpipe.layers.expansion import Expansion, expand
from kanpipe.layers.splines import UniformSpline

ACTIVATIONS = {"silu": F.silu, "gelu": F.gelu, "identity": lambda x: x}
KNOTS = torch.tensor([-3.0, -2.0, -1.1, -0.7, 0.1, 0.4, 1.2, 2.0, 3.1])
RANGES = (torch.tensor([-1.0, -2.5]), torch.tensor([1.5, 0.5]))
# every basis and every way of giving its grid
LINEAR = {
    "uniform": (KANLinear, {"grid_size": 2, "scaler": True}),
    "no base": (KANLinear, {"grid_size": 3, "scaler": False, "base_activation": None}),
    "gelu": (KANLinear, {"grid_size": 1, "scaler": False, "base_activation": "gelu", "bias": True}),
    "per feature": (KANLinear, {"grid_size": 2, "grid_range": RANGES, "base_activation": "identity"}),
    "knots": (KANLinear, {"knots": KNOTS}),
    "Gaussian": (FastKANLinear, {"centres": 3}),
    "Gaussian without norm": (FastKANLinear, {"centres": 3, "layer_norm": False}),
    "switch": (FasterKANLinear, {"centres": 3}),
    "Chebyshev": (BasisLinear, {"basis": Chebyshev(3)}),
    "Chebyshev without tanh": (BasisLinear, {"basis": Chebyshev(4, squash=False), "base_activation": None}),
    "Fourier": (BasisLinear, {"basis": Fourier(2), "scaler": True}),
    "bumps": (BasisLinear, {"basis": ReLUBumps(2, 1, (-1.0, 2.0)), "bias": True}),
    "Mexican hat": (BasisLinear, {"basis": Wavelets(3)}),
    "dog": (BasisLinear, {"basis": Wavelets(3, wavelet="dog")}),
    "Morlet": (BasisLinear, {"basis": Wavelets(3, wavelet="morlet")}),
}
CONVOLUTION = {
    "uniform": (KANConv2d, {"grid_size": 2}),
    "per feature": (KANConv2d, {"grid_size": 1, "grid_range": RANGES, "scaler": True}),
    "knots": (KANConv2d, {"knots": KNOTS[:6], "base_activation": None}),
    "groups": (KANConv2d, {"grid_size": 1, "groups": 2, "bias": True, "dilation": (2, 1), "padding": (2, 1)}),
    "zeros": (KANConv2d, {"grid_size": 1, "padding_mode": "zeros", "stride": 2, "padding": 1}),
    "Gaussian": (FastKANConv2d, {"centres": 2}),
    "switch": (FasterKANConv2d, {"centres": 2}),
    "Chebyshev": (BasisConv2d, {"basis": Chebyshev(2), "groups": 2}),
    "Fourier": (BasisConv2d, {"basis": Fourier(1), "padding": 1, "padding_mode": "zeros"}),
}
ALL = [pytest.param(*case, (2,), id=f"linear {name}") for name, case in LINEAR.items()]
ALL += [pytest.param(*case, (2, 3, 3), id=f"convolution {name}") for name, case in CONVOLUTION.items()]


def build(make, kind, **options):
    sizes = (2, 2, 2) if "Conv" in kind.__name__ else (2, 3)
    return make(kind, *sizes, **options)


def output_of(layer):
    """The output as a function of the input and of every parameter, and these parameters."""
    names = [name for name, _ in layer.named_parameters()]
    values = [value.detach().clone().requires_grad_() for value in layer.parameters()]
    return lambda x, *v: torch.func.functional_call(layer, dict(zip(names, v, strict=True)), (x,)), values


@pytest.mark.parametrize("name", [*ACTIVATIONS, None])
def test_features_are_the_base_activation_and_then_basis_after_basis(name, draw, scipy_basis, uniform_knots):
    x = torch.randn(4, 3, generator=draw, dtype=torch.float64)
    features = expand(x, Expansion(UniformSpline(3, 2, (-1.0, 1.0)), name))
    bases = torch.from_numpy(scipy_basis(x, uniform_knots(3, 2), 2))
    expected = [] if name is None else [ACTIVATIONS[name](x)]
    expected += [bases[..., j] for j in range(5)]
    torch.testing.assert_close(features, torch.cat(expected, -1), rtol=0, atol=8e-15)


def test_features_of_groups_of_channels_stay_together(draw, scipy_basis, uniform_knots):
    x = torch.randn(2, 6, 4, 3, generator=draw, dtype=torch.float64)
    features = expand(x, Expansion(UniformSpline(2, 1, (-1.0, 1.0)), "silu", dim=-3, groups=2))
    bases = torch.from_numpy(scipy_basis(x, uniform_knots(2, 1), 1))
    groups = []
    for channels in (slice(0, 3), slice(3, 6)):
        groups += [F.silu(x[:, channels])] + [bases[:, channels, ..., j] for j in range(3)]
    torch.testing.assert_close(features, torch.cat(groups, 1), rtol=0, atol=8e-15)


def test_bases_may_see_another_tensor_than_the_base_activation(draw):
    x, u = (torch.randn(4, 3, generator=draw, dtype=torch.float64).requires_grad_() for _ in range(2))
    expansion = Expansion(UniformSpline(2, 3, (-1.0, 1.0)), "silu")
    both, of_x, of_u = expand(x, expansion, u), expand(x, expansion), expand(u, expansion)
    assert torch.equal(both, torch.cat([of_x[:, :3], of_u[:, 3:]], -1))
    assert torch.autograd.gradcheck(lambda x, u: expand(x, expansion, u), (x, u))


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(("kind", "options", "shape"), ALL)
def test_gradients_equal_finite_differences(kind, options, shape, recompute, draw, make):
    layer = build(make, kind, recompute=recompute, dtype=torch.float64, **options)
    output, values = output_of(layer)
    x = torch.randn(2, *shape, generator=draw, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(output, (x, *values))


@pytest.mark.parametrize(("kind", "options", "shape"), ALL)
def test_second_gradients_equal_finite_differences(kind, options, shape, draw, make):
    layer = build(make, kind, dtype=torch.float64, **options)
    output, values = output_of(layer)
    x = torch.randn(1, *shape, generator=draw, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradgradcheck(output, (x, *values))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("kind", "options", "shape"), ALL)
def test_recomputing_changes_neither_output_nor_gradient(kind, options, shape, dtype, draw, make):
    x = torch.randn(3, *shape, generator=draw, dtype=dtype).requires_grad_()
    saving, recomputing = (build(make, kind, recompute=r, dtype=dtype, **options) for r in (False, True))
    outputs = [layer(x) for layer in (saving, recomputing)]
    factor = torch.randn(outputs[0].shape, generator=draw, dtype=dtype)
    gradients = [
        torch.autograd.grad((output * factor).sum(), [x, *layer.parameters()])
        for output, layer in zip(outputs, (saving, recomputing), strict=True)
    ]
    ulp = torch.finfo(dtype).eps  # sums of up to 100 products below 10 in the same order, but for the bias added after
    torch.testing.assert_close(outputs[1], outputs[0], rtol=0, atol=20 * ulp)
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0, atol=100 * ulp)


@pytest.mark.parametrize("kind", [KANLinear, FastKANLinear])
def test_input_that_needs_no_gradient_gets_none_and_the_weight_gets_its_own(kind, draw, make):
    for recompute in (False, True):
        layer, x = make(kind, 3, 2, recompute=recompute), torch.randn(5, 3, generator=draw)
        layer(x).sum().backward()
        assert x.grad is None
        expected = layer.features(x).sum(0).expand(2, -1)
        if layer.spline_scaler is None:
            torch.testing.assert_close(layer.weight.grad, expected, rtol=0, atol=1e-6)  # five float32 terms
        layer.weight.requires_grad_(False)
        y = torch.randn(5, 3, generator=draw, requires_grad=True)
        layer(y).sum().backward()
        assert y.grad.abs().sum() > 0


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(("kind", "options"), list(LINEAR.values()), ids=LINEAR)
def test_no_rows_and_leading_dimensions(kind, options, recompute, make):
    layer = build(make, kind, recompute=recompute, **options)
    empty = torch.zeros(0, 2, requires_grad=True)
    layer(empty).sum().backward()
    assert not layer.weight.grad.any()
    assert layer(torch.zeros(2)).shape == (3,)
    x = torch.linspace(-2, 2, 24).view(3, 4, 2)
    torch.testing.assert_close(layer(x), layer(x.flatten(0, 1)).view(3, 4, 3), rtol=0, atol=1e-6)  # float32 sums


@pytest.mark.parametrize("recompute", [False, True])
def test_not_a_number_stays_one_and_infinity_leaves_what_the_base_says(recompute, make):
    layer = make(KANLinear, 1, 2, base_activation=None, recompute=recompute)
    out = layer(torch.tensor([[math.nan], [math.inf], [-math.inf], [0.3]]))
    assert out[0].isnan().all()
    assert torch.equal(out[1:3], torch.zeros(2, 2))
    assert np.all(out[3].detach().numpy() != 0)
