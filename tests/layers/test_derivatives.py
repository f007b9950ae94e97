"""Derivatives of every order and in both modes, as physics-informed networks and second-order methods take them."""

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.func import functional_call, hessian, jacfwd, jacrev, jvp

from kanpipe.layers import (
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

# torch itself scripts the formulas of its forward mode, and warns of it
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
KNOTS = torch.tensor([-3.0, -2.0, -1.1, -0.7, 0.1, 0.4, 1.2, 2.0, 3.1])
RANGES = (torch.tensor([-1.0, -2.5, -2.0]), torch.tensor([1.5, 0.5, 2.0]))
LINEAR, IMAGE = ((3, 2), (3,)), ((3, 3, 2), (3, 3, 3))
CASES = {
    "splines": (KANLinear, *LINEAR, {"grid_size": 2}),
    "without a base": (KANLinear, *LINEAR, {"base_activation": None, "scaler": False}),
    "gelu": (KANLinear, *LINEAR, {"base_activation": "gelu", "bias": True}),
    "ranges": (KANLinear, *LINEAR, {"grid_range": RANGES, "base_activation": "identity"}),
    "knots": (KANLinear, *LINEAR, {"knots": KNOTS}),
    "Gaussian": (FastKANLinear, *LINEAR, {"centres": 3}),
    "switch": (FasterKANLinear, *LINEAR, {"centres": 3}),
    "Gaussian without norm": (FastKANLinear, *LINEAR, {"centres": 3, "layer_norm": False}),
    "switch without norm": (FasterKANLinear, *LINEAR, {"centres": 3, "layer_norm": False}),
    "Chebyshev": (BasisLinear, *LINEAR, {"basis": Chebyshev(3)}),
    "Fourier": (BasisLinear, *LINEAR, {"basis": Fourier(2)}),
    "bumps": (BasisLinear, *LINEAR, {"basis": ReLUBumps(2, 2, (-2.0, 2.0))}),
    "wavelets": (BasisLinear, *LINEAR, {"basis": Wavelets(3, wavelet="morlet")}),
    "convolution": (KANConv2d, *IMAGE, {"grid_size": 2, "padding": 1, "scaler": True}),
    "groups": (KANConv2d, *IMAGE, {"groups": 3, "grid_range": RANGES}),
    "convolution of Gaussians": (FastKANConv2d, *IMAGE, {"centres": 2}),
    "convolution of switches": (FasterKANConv2d, *IMAGE, {"centres": 2}),
}
EXACT = {"rtol": 1e-9, "atol": 1e-10}  # float64, some hundred terms of order 1 to 100


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(params=[False, True], ids=["saving", "recomputing"])
def layer(request, case, make):
    kind, sizes, _, options = case
    return make(kind, *sizes, dtype=torch.float64, recompute=request.param, **options)


@pytest.fixture
def x(case, draw):
    return torch.randn(2, *case[2], generator=draw, dtype=torch.float64)


def test_forward_mode_gives_the_jacobian_of_reverse_mode(layer, x):
    parameters = dict(layer.named_parameters())

    def output(parameters, x):
        return functional_call(layer, parameters, (x,))

    forward, reverse = (jacobian(output, argnums=(0, 1))(parameters, x) for jacobian in (jacfwd, jacrev))
    torch.testing.assert_close(forward, reverse, **EXACT)


def test_many_gradients_are_taken_at_once(layer, x):
    """As `torch.autograd.functional.jacobian` does with `vectorize=True`."""
    tensors, y = [x.requires_grad_(), *layer.parameters()], layer(x)
    rows = torch.eye(y.numel(), dtype=y.dtype).view(-1, *y.shape)
    found = torch.autograd.grad(y, tensors, rows, is_grads_batched=True, retain_graph=True)
    expected = [torch.autograd.grad(y, tensors, row, retain_graph=True) for row in rows]
    torch.testing.assert_close(found, tuple(map(torch.stack, zip(*expected, strict=True))), **EXACT)


def test_hessian_equals_that_of_reverse_over_reverse(layer, x):
    def loss(x):
        return layer(x).sin().sum()

    expected = jacrev(jacrev(loss))(x)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(hessian(loss)(x), expected, **EXACT)
    if not isinstance(layer.layernorm, nn.LayerNorm):  # torch's own is wrong by reverse over forward mode
        torch.testing.assert_close(jacrev(jacfwd(loss))(x), expected, **EXACT)


def test_tangent_of_one_argument_alone(layer, x):
    """A difference quotient, since the weight or the input without a tangent goes another way."""
    step, eps = torch.ones_like(x), 1e-6
    _, tangent = jvp(layer, (x,), (step,))
    quotient = (layer(x + eps * step) - layer(x - eps * step)) / (2 * eps)
    torch.testing.assert_close(tangent, quotient, rtol=1e-6, atol=1e-6)  # of order eps^2 and 1e-16 / eps
    weight = layer.weight.detach()
    _, tangent = jvp(lambda w: functional_call(layer, {"weight": w}, (x,)), (weight,), (torch.ones_like(weight),))
    with torch.no_grad():
        up, down = (functional_call(layer, {"weight": weight + side * eps}, (x,)) for side in (1, -1))
    torch.testing.assert_close(tangent, (up - down) / (2 * eps), rtol=1e-6, atol=1e-6)


def test_published_gradient_of_the_switch_is_half_the_true_one_in_forward_mode_too(make, draw):
    true, half = (
        make(FasterKANLinear, 3, 2, layer_norm=False, published_gradient=published, dtype=torch.float64)
        for published in (False, True)
    )
    x = torch.randn(3, generator=draw, dtype=torch.float64)
    assert torch.equal(jacfwd(half)(x), jacfwd(true)(x) / 2)


def test_forward_mode_passes_through_a_gradient_of_which_no_graph_is_made(make, draw):
    layer = make(KANLinear, 3, 2, dtype=torch.float64)
    x, tangent = torch.randn(2, 4, 3, generator=draw, dtype=torch.float64)
    found = []
    for create_graph in (False, True):
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(x.clone().requires_grad_(), tangent)
            (gradient,) = torch.autograd.grad(layer(dual).square().sum(), dual, create_graph=create_graph)
            found.append(forward_ad.unpack_dual(gradient).tangent.detach())
    assert found[0].norm() > 0
    torch.testing.assert_close(*found, **EXACT)
