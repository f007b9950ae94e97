"""KAT's rational functions by their formula, and the variance that their layers preserve."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kanpipe.layers import RationalConv2d, RationalLinear
from kanpipe.layers.rational import GroupRational, second_moment


def formula(x, a, b):
    """numpy's polynomials, in float64."""
    bottom = np.polynomial.Polynomial([0, *b])(x)
    return np.polynomial.Polynomial(a)(x) / (1 + np.abs(bottom))


@pytest.mark.parametrize("dim", [-1, -3])
def test_values_are_those_of_the_formula_group_by_group(dim, make, draw):
    rational = make(GroupRational, 6, 3, "silu", dim, dtype=torch.float64)
    x = torch.randn(6, 5, 4, generator=draw, dtype=torch.float64).movedim(0, dim)
    ours = rational(x).movedim(dim, 0).detach()
    a = rational.numerator.detach().numpy()
    for channel, values in enumerate(x.movedim(dim, 0)):
        b = rational.denominator[channel // 2].detach().numpy()
        np.testing.assert_allclose(ours[channel], formula(values.numpy(), a, b), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("start", "activation", "error"), [("silu", F.silu, 1e-6), ("gelu", F.gelu, 1e-3)])
def test_start_is_the_activation_where_it_is_fitted(start, activation, error):
    x = torch.linspace(-3, 3, 999, dtype=torch.float64).unsqueeze(1)
    assert (GroupRational(1, 1, start, dtype=torch.float64)(x) - activation(x)).abs().max() < error


def test_identity_is_exact_and_learns_its_denominator(draw):
    rational = GroupRational(8, start="identity")
    x = torch.randn(5, 8, generator=draw)
    assert torch.equal(rational(x), x)
    rational(x).sum().backward()
    assert rational.denominator.grad.abs().min() > 0


# torch itself scripts the formulas of its forward mode, and warns of it
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")
@pytest.mark.parametrize("layer", ["linear", "conv"])
def test_gradients_of_all_orders_equal_finite_differences(layer, make, draw):
    kind, sizes, shape = {"linear": (RationalLinear, (4, 3), (4,)), "conv": (RationalConv2d, (4, 2, 2), (4, 3, 3))}[
        layer
    ]
    module = make(kind, *sizes, rational_groups=2, dtype=torch.float64)
    names = [name for name, _ in module.named_parameters()]
    values = [value.detach().clone().requires_grad_() for value in module.parameters()]
    x = torch.randn(2, *shape, generator=draw, dtype=torch.float64).requires_grad_()

    def output(x, *values):
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(output, (x, *values), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(output, (x, *values))


def test_layers_have_the_published_parameters():
    assert sum(p.numel() for p in RationalLinear(16, 5).parameters()) == 16 * 5 + 5 + 6 + 8 * 4
    assert RationalLinear(6, 5).rational.groups == 2
    assert RationalConv2d(3, 5, 3, bias=False).rational.denominator.shape == (1, 4)


@pytest.mark.parametrize("start", ["identity", "silu", "gelu"])
def test_variance_of_normal_inputs_is_preserved(start):
    torch.manual_seed(0)
    x = torch.randn(4000, 256)
    assert RationalLinear(256, 128, start=start)(x).var().item() == pytest.approx(1, rel=0.03)
    layer = RationalLinear(256, 128, start=start)
    nn.init.zeros_(layer.weight)
    layer.reset_parameters()
    assert layer(x).var().item() == pytest.approx(1, rel=0.03)  # of 32,768 weights and 4,000 rows


def test_second_moment_is_that_of_a_sample(draw):
    x = torch.randn(400_000, 1, generator=draw, dtype=torch.float64)
    sampled = GroupRational(1, 1, "silu", dtype=torch.float64)(x).square().mean().item()
    assert second_moment("silu") == pytest.approx(sampled, rel=0.01)
    assert second_moment("identity") == pytest.approx(1, rel=1e-12)


def test_half_precision_is_computed_in_single(draw):
    rational = GroupRational(4, 2).bfloat16()
    x = 3 * torch.randn(20, 4, generator=draw).bfloat16()
    out = rational(x)
    assert out.dtype == torch.bfloat16
    single = GroupRational(4, 2)
    single.load_state_dict({name: value.float() for name, value in rational.state_dict().items()})
    torch.testing.assert_close(out, single(x.float()).bfloat16(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "relu"}, "start is 'relu'; choose one of identity, silu, gelu"),
        ({"rational_groups": 0}, "at least 1"),
    ],
)
def test_option_that_does_not_exist_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RationalLinear(4, 2, **options)
