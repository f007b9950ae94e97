"""Grids that change in place: the functions stay, and so does what an optimizer remembers."""

import copy
import math

import pytest
import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.nn.utils import prune

from kanpipe.layers import FastKANLinear, KANConv2d, KANLinear
from kanpipe.layers.growing import refine_, update_range_
from kanpipe.layers.refit import extend_grid, refit

RANGES = (torch.tensor([-1.0, -2.0, 0.0]), torch.tensor([1.0, 0.5, 3.0]))
CASES = {
    "linear": (KANLinear, (3, 4), {}, (50, 3)),
    "without scaler and base": (KANLinear, (3, 4), {"scaler": False, "base_activation": None}, (50, 3)),
    "ranges": (KANLinear, (3, 4), {"grid_range": RANGES, "bias": True}, (50, 3)),
    "convolution": (KANConv2d, (3, 6, 2), {"groups": 3, "grid_range": RANGES}, (4, 3, 6, 6)),
}
case = pytest.mark.parametrize(("kind", "sizes", "options", "shape"), list(CASES.values()), ids=CASES)
TINY = {"rtol": 0, "atol": 1e-12}  # float64, sums of some hundred terms of order 1
OPTIMIZERS = {
    "Adam": lambda p: optim.Adam(p, lr=1e-3, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=1e-3),
    "SGD": lambda p: optim.SGD(p, lr=1e-2, momentum=0.9),
    "RMSprop": lambda p: optim.RMSprop(p, lr=1e-3, momentum=0.5, centered=True),
    "Adagrad": lambda p: optim.Adagrad(p, lr=1e-2),
}


def inside(layer, shape, draw):
    """Inputs in the layer's range."""
    low, high = (torch.as_tensor(end, dtype=torch.float64) for end in layer.grid_range)
    x = torch.rand(shape, generator=draw, dtype=torch.float64).movedim(layer.expansion.dim, -1)
    return (low + (high - low) * x).movedim(-1, layer.expansion.dim)


@case
@pytest.mark.parametrize("ratio", [2, 3])
def test_refined_layer_is_the_extended_one(kind, sizes, options, shape, ratio, make, draw):
    layer = make(kind, *sizes, dtype=torch.float64, **options)
    x = inside(layer, shape, draw)
    before, extended = layer(x), extend_grid(layer, 5 * ratio)
    refine_(layer, ratio)
    assert layer.basis == extended.basis
    torch.testing.assert_close(layer.weight, extended.weight, **TINY)
    torch.testing.assert_close(layer(x), before, **TINY)


def test_all_layers_of_a_model_are_refined_once_and_others_left(make):
    shared = make(KANLinear, 4, 4)
    knots = make(KANLinear, 4, 4, knots=torch.arange(9.0))
    model = nn.Sequential(shared, nn.ReLU(), make(FastKANLinear, 4, 4), shared, knots)
    refine_(model)
    assert [layer.basis.size for layer in (shared, model[2], knots)] == [13, 8, 5]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on_with_the_same_optimizer(name, make, draw):
    model = nn.Sequential(make(KANLinear, 2, 5, grid_size=3), make(KANLinear, 5, 1, grid_size=3))
    optimizer = OPTIMIZERS[name](model.parameters())
    x = 2 * torch.rand(200, 2, generator=draw) - 1
    losses = []
    for step in range(120):
        if step in (40, 80):
            refine_(model, optimizer=optimizer)
        optimizer.zero_grad()
        losses.append(F.mse_loss(model(x), x.prod(1, keepdim=True)))
        losses[-1].backward()
        optimizer.step()
    for before in (39, 79):  # no jump: the function is the same, and the next step is of the usual size
        assert losses[before + 2] < 1.2 * losses[before]
    assert losses[-1] < 0.9 * losses[39]
    assert model[0].basis.grid_size == 12


def test_carried_averages_are_about_those_of_the_finer_layer(make, draw):
    """Of one gradient of dense inputs: its own at once, against that of the refined layer."""
    layer = make(KANLinear, 1, 3, grid_size=8, scaler=False, dtype=torch.float64)
    x = torch.linspace(-1, 1, 4001, dtype=torch.float64).unsqueeze(1)
    optimizer = optim.Adam(layer.parameters(), lr=0.0, betas=(0.0, 0.0))

    def step():
        optimizer.zero_grad()
        (layer(x) * (1 + x).exp()).mean().backward()
        optimizer.step()
        state = optimizer.state[layer.weight]
        return state["exp_avg"].clone(), state["exp_avg_sq"].clone()

    step()
    refine_(layer, optimizer=optimizer)
    carried = [optimizer.state[layer.weight][name].clone() for name in ("exp_avg", "exp_avg_sq")]
    for ours, own in zip(carried, step(), strict=True):
        inner = slice(6, -5)  # bases that lie whole inside the range
        torch.testing.assert_close(ours[:, inner], own[:, inner], rtol=0.05, atol=0)
        assert torch.equal(ours[:, 0], own[:, 0])  # that of the base


@pytest.mark.parametrize("change", ["refine", "range"])
@pytest.mark.parametrize(
    ("make_optimizer", "message"),
    [
        (lambda p: optim.LBFGS(p, lr=1e-4, max_iter=2), "LBFGS keeps a history of all parameters, which"),
        (lambda p: optim.Adafactor(p), "Adafactor keeps row_var, col_var"),
        (lambda p: optim.SGD([nn.Parameter(torch.zeros(3))]), "does not hold the weight"),
    ],
)
def test_optimizer_whose_memory_cannot_be_carried_is_refused(change, make_optimizer, message, make, draw):
    model = nn.Sequential(make(KANLinear, 3, 3), make(KANLinear, 3, 2))
    optimizer = make_optimizer(list(model.parameters()))
    x = 3 * torch.randn(20, 3, generator=draw)

    def closure():
        loss = model(x).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=message):
        if change == "refine":
            refine_(model, optimizer=optimizer)
        else:
            update_range_(model[1], x, optimizer=optimizer)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: refine_(KANLinear(3, 2), 1), ValueError, "ratio is 1; it must be at least 2"),
        (lambda: refine_(nn.Linear(3, 2)), ValueError, "Linear has no B-spline layer on a uniform grid"),
        (
            lambda: refine_(prune.random_unstructured(KANLinear(3, 2), "weight", 0.5)),
            ValueError,
            "the weight is pruned",
        ),
        (lambda: update_range_(KANLinear(3, 2), torch.zeros(1, 3), outside=2), ValueError, "outside is 2"),
        (lambda: update_range_(FastKANLinear(3, 2), torch.zeros(1, 3)), TypeError, "only the curves of a B-spline"),
        (
            lambda: update_range_(KANLinear(3, 2), torch.full((2, 3), math.nan)),
            ValueError,
            "the inputs must be finite",
        ),
        (
            lambda: update_range_(KANLinear(3, 2, knots=torch.arange(9.0)), torch.zeros(1, 3)),
            TypeError,
            "needs a uniform grid",
        ),
    ],
)
def test_what_cannot_be_changed_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@case
def test_range_is_widened_to_its_inputs_by_a_refit(kind, sizes, options, shape, make, draw):
    layer = make(kind, *sizes, dtype=torch.float64, **options)
    optimizer = optim.Adam(layer.parameters())
    layer(inside(layer, shape, draw)).sum().backward()
    optimizer.step()
    assert not update_range_(layer, inside(layer, shape, draw), optimizer=optimizer)
    before = copy.deepcopy(layer)
    assert update_range_(layer, 5 * torch.randn(shape, generator=draw, dtype=torch.float64), optimizer=optimizer)
    for (old_low, old_high), (low, high) in [(before.grid_range, layer.grid_range)]:
        assert torch.all(torch.as_tensor(low <= old_low)) and torch.all(torch.as_tensor(high >= old_high))
        assert torch.any(torch.as_tensor(high - low > 1.5 * (old_high - old_low)))
    expected = refit(before, grid_range=layer.grid_range)
    torch.testing.assert_close(layer.weight, expected.weight, rtol=0, atol=1e-9)  # two solutions of one fit
    layer(inside(layer, shape, draw)).sum().backward()
    optimizer.step()
    assert layer.weight.isfinite().all() and (optimizer.state[layer.weight]["exp_avg_sq"] >= 0).all()


def test_range_stays_where_few_enough_inputs_lie_outside(make):
    layer = make(KANLinear, 1, 1)
    x = torch.cat([torch.zeros(95, 1), torch.full((5, 1), 3.0)])
    assert not update_range_(layer, x, outside=0.05)
    assert update_range_(layer, x, outside=0.04, kept=1.0)
    assert layer.grid_range == (-1.0, 3.0)
