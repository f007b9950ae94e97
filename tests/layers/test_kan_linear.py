"""The KAN layer against efficient-kan's formula, written out here by the Cox-de Boor recursion."""

import copy
import math

import pytest
import torch
from torch.nn import functional as F

from kanpipe.layers import KANLinear, bspline_basis


def cox_de_boor(x, grid_size, spline_order):
    """The bases (..., G + k) on the extended knots, as in efficient-kan's `b_splines`."""
    knots = torch.arange(-spline_order, grid_size + spline_order + 1, dtype=x.dtype) * (2 / grid_size) - 1
    x = x.unsqueeze(-1)
    bases = ((x >= knots[:-1]) & (x < knots[1:])).to(x.dtype)
    for k in range(1, spline_order + 1):
        left = (x - knots[: -(k + 1)]) / (knots[k:-1] - knots[: -(k + 1)])
        right = (knots[k + 1 :] - x) / (knots[k + 1 :] - knots[1:-k])
        bases = left * bases[..., :-1] + right * bases[..., 1:]
    return bases


def efficient_kan(x, state, grid_size=5, spline_order=3):
    """efficient-kan's forward pass from a state dict with its names."""
    bases = cox_de_boor(x, grid_size, spline_order).flatten(-2)
    weight = (state["spline_weight"] * state["spline_scaler"].unsqueeze(-1)).flatten(1)
    return F.linear(F.silu(x), state["base_weight"]) + F.linear(bases, weight)


def layer(in_features=3, out_features=4, seed=0, **options):
    """A layer with initial values that depend on nothing but the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return KANLinear(in_features, out_features, **options)


def inputs(*shape, dtype=torch.float32, spread=1.2):
    return (spread * torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)).to(dtype)


@pytest.mark.parametrize(
    ("options", "per_edge", "per_output"),
    [
        ({}, 10, 0),
        ({"scaler": False}, 9, 0),
        ({"bias": True}, 10, 1),
        ({"grid_size": 3, "spline_order": 2}, 7, 0),
        ({"grid_size": 8, "spline_order": 5, "scaler": False, "bias": True}, 14, 1),
    ],
)
def test_parameter_count(options, per_edge, per_output):
    count = sum(p.numel() for p in KANLinear(7, 5, **options).parameters())
    assert count == 7 * 5 * per_edge + 5 * per_output


# Both are sums of some 30 products of values below 1, in another order: a few ulp, which are 1.2e-7 and 2.2e-16.
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
@pytest.mark.parametrize(("grid_size", "spline_order"), [(5, 3), (3, 2), (10, 1)])
def test_output_equals_efficient_kan(grid_size, spline_order, dtype, tolerance):
    kan = layer(grid_size=grid_size, spline_order=spline_order, dtype=dtype)
    torch.nn.init.normal_(kan.spline_weight, std=0.3)  # splines of a trained layer's size
    x = inputs(2, 3, 3, dtype=dtype)
    ours, theirs = kan(x), efficient_kan(x, kan.state_dict(), grid_size, spline_order)
    assert ours.shape == (2, 3, 4)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)


def test_state_dict_has_the_names_and_shapes_of_efficient_kan():
    shapes = {name: tuple(value.shape) for name, value in KANLinear(3, 4).state_dict().items()}
    assert shapes == {"base_weight": (4, 3), "spline_weight": (4, 3, 8), "spline_scaler": (4, 3)}


@pytest.mark.parametrize(("name", "activation"), [("silu", F.silu), ("gelu", F.gelu), ("identity", lambda x: x)])
def test_outside_the_knots_the_base_part_alone_is_left(name, activation):
    kan = layer(base_activation=name, bias=True)
    torch.nn.init.normal_(kan.bias)
    x = torch.tensor([[2.3, -2.3, 7.0], [-40.0, 2.21, -3.0]])  # the outermost knots are -2.2 and 2.2
    torch.testing.assert_close(kan(x), F.linear(activation(x), kan.base_weight, kan.bias))


@pytest.mark.parametrize(("grid_size", "spline_order"), [(5, 3), (1, 1), (3, 5), (50, 3)])
def test_initial_splines_take_small_values_at_the_grid_points(grid_size, spline_order):
    kan = layer(20, 30, grid_size=grid_size, spline_order=spline_order, dtype=torch.float64)
    points = torch.linspace(-1, 1, grid_size + 1, dtype=torch.float64)
    values = kan.spline_weight @ bspline_basis(points, grid_size, spline_order).T
    bound = 0.05 / grid_size
    # interpolated to rounding; of the 1,200 or more uniform values one comes within 2 % of either end
    assert values.abs().max() <= bound * (1 + 1e-9)
    assert values.max() > 0.98 * bound
    assert values.min() < -0.98 * bound


def test_initial_coefficients_are_the_smallest_that_interpolate():
    kan = layer(dtype=torch.float64)
    basis = bspline_basis(torch.linspace(-1, 1, 6, dtype=torch.float64), 5, 3)
    values = (kan.spline_weight @ basis.T).flatten(0, 1).T  # (points, edges)
    smallest = torch.linalg.lstsq(basis, values, driver="gelsy").solution.T.view_as(kan.spline_weight)
    # the basis matrix has a condition number below 10, so both solutions are good to some 1e-15
    torch.testing.assert_close(kan.spline_weight.detach(), smallest.detach(), rtol=0, atol=1e-13)


def test_initial_base_weight_and_scaler_fill_the_kaiming_range():
    kan = layer(30, 40, bias=True)
    bound = 1 / math.sqrt(30)  # kaiming-uniform with a = sqrt(5)
    for weight in (kan.base_weight, kan.spline_scaler):
        assert 0.99 * bound < weight.abs().max() <= bound
    assert not kan.bias.any()


@pytest.mark.parametrize("options", [{}, {"scaler": False, "bias": True, "base_activation": "gelu"}])
def test_gradients_equal_finite_differences(options):
    kan = layer(2, 3, grid_size=2, dtype=torch.float64, **options)
    names = [name for name, _ in kan.named_parameters()]
    tensors = [value.detach().requires_grad_() for value in kan.parameters()]
    x = inputs(4, 2, dtype=torch.float64).requires_grad_()

    def output(x, *values):
        return torch.func.functional_call(kan, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(output, (x, *tensors))


def test_packed_weight_times_features_is_the_output():
    kan, x = layer(dtype=torch.float64), inputs(5, 3, dtype=torch.float64)
    torch.testing.assert_close(kan.features(x) @ kan.packed_weight().T, kan(x), rtol=0, atol=1e-14)


def test_state_dict_and_deepcopy_give_the_same_output():
    kan, other, x = layer(), layer(seed=1), inputs(5, 3)
    assert not torch.equal(kan(x), other(x))
    other.load_state_dict(kan.state_dict())
    assert torch.equal(kan(x), other(x))
    assert torch.equal(kan(x), copy.deepcopy(kan)(x))


def test_dtype_and_device_keywords_hold_for_every_parameter():
    assert {p.dtype for p in KANLinear(3, 2, bias=True, dtype=torch.float64).parameters()} == {torch.float64}
    assert {p.device.type for p in KANLinear(3, 2, bias=True, device="meta").parameters()} == {"meta"}


def test_compiled_layer_gives_the_same_output_and_gradient():
    kan, x = layer(), inputs(6, 3)
    compiled = torch.compile(kan, fullgraph=True)
    eager_out, compiled_out = kan(x), compiled(x)
    torch.testing.assert_close(compiled_out, eager_out, rtol=0, atol=1e-6)  # sums of some 30 products: a few ulp
    eager, ours = (torch.autograd.grad(out.sum(), list(kan.parameters())) for out in (eager_out, compiled_out))
    torch.testing.assert_close(ours, eager, rtol=0, atol=5e-6)  # sums over six rows of values up to 4


@pytest.mark.parametrize("scaler", [True, False])
def test_edge_functions_add_up_to_the_output(scaler):
    kan, x = layer(scaler=scaler, dtype=torch.float64), inputs(9, dtype=torch.float64)
    edges = kan.edge_functions(x)
    assert edges.shape == (4, 3, 9)
    assert not edges.requires_grad
    torch.testing.assert_close(edges.sum(1).T, kan(x.unsqueeze(-1).expand(-1, 3)), rtol=0, atol=1e-14)


def test_representation_names_every_option():
    assert repr(KANLinear(3, 2, grid_size=4, scaler=False)) == (
        "KANLinear(in_features=3, out_features=2, grid_size=4, spline_order=3, grid_range=(-1.0, 1.0), "
        "base_activation='silu', scaler=False, bias=False)"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid_size": 0}, "grid_size is 0"),
        ({"spline_order": -1}, "spline_order is -1"),
        ({"grid_range": (2.0, 1.0)}, r"grid_range is \(2.0, 1.0\)"),
        ({"base_activation": "relu"}, "base_activation is 'relu'; choose one of silu, gelu, identity"),
    ],
)
def test_option_that_does_not_exist_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        KANLinear(3, 2, **options)


def test_input_of_another_width_is_refused():
    with pytest.raises(ValueError, match="the last dimension is 4; this layer takes 3 features"):
        KANLinear(3, 2)(torch.zeros(5, 4))


def test_integer_input_is_refused():
    with pytest.raises(TypeError, match="takes a floating-point tensor, not torch.int64"):
        KANLinear(3, 2)(torch.zeros(5, 3, dtype=torch.int64))
