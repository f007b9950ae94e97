"""Fractions of inputs outside the grid, counted while a network runs."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from kanpipe.layers import FasterKANLinear, FastKANConv2d, FastKANLinear, KANConv2d, KANLinear
from kanpipe.layers.diagnostics import observe_inputs, outside_counts, record_outside


def recorded(layer, *inputs):
    """What is recorded of a single layer, which as a model of its own has the name ""."""
    with record_outside(layer) as record:
        for x in inputs:
            layer(x)
    return record.fractions()[""]


def test_norm_that_counts_its_batches_does_not_count_a_look(draw):
    layer, x = KANLinear(3, 2, input_norm=nn.BatchNorm1d(3)), torch.randn((8, 3), generator=draw)
    recorded(layer, x)
    assert layer.layernorm.num_batches_tracked == 1
    plain = KANLinear(3, 2, input_norm=nn.BatchNorm1d(3))
    plain(x)
    assert torch.equal(layer.layernorm.running_mean, plain.layernorm.running_mean)


def test_inputs_are_counted_against_the_range_and_against_the_outermost_knots():
    # grid_size 4 on [-1, 1]: steps of 0.5, so cubic splines reach three steps further, to ±2.5
    x = torch.tensor([[-3.0, -2.5, -1.5, -1.0], [0.0, 1.0, 1.01, 2.6]])
    outside = recorded(KANLinear(4, 2, grid_size=4), x)
    assert outside.grid == 5 / 8  # -3, -2.5, -1.5, 1.01, 2.6; the ends belong to the range
    assert outside.support == 2 / 8  # -3, 2.6


@pytest.mark.parametrize("spline_order", [1, 2, 3, 5])
def test_beyond_the_support_the_spline_part_is_zero_and_within_it_is_not(spline_order):
    layer = KANLinear(1, 1, grid_size=5, spline_order=spline_order, base_activation=None).double()
    nn.init.ones_(layer.weight)
    edge = 1 + spline_order * 0.4
    for x, beyond in ((edge - 0.05, 0.0), (edge + 0.05, 1.0), (-edge - 0.05, 1.0)):
        point = torch.tensor([[x]], dtype=torch.float64)
        assert recorded(layer, point).support == beyond
        assert (layer(point).item() == 0) == bool(beyond)


def test_features_with_ranges_of_their_own_are_each_counted_by_theirs():
    low, high = torch.tensor([-1.0, 0.0, 10.0]), torch.tensor([1.0, 5.0, 20.0])
    layer = KANLinear(3, 2, grid_size=5, spline_order=3, grid_range=(low, high))
    x = torch.tensor([[3.0, 3.0, 3.0], [0.5, -1.0, 15.0]])
    outside = recorded(layer, x)
    assert outside.grid == pytest.approx(3 / 6)  # 3 in the first, -1 in the second, 3 in the third
    assert outside.support == pytest.approx(2 / 6)  # supports: ±2.2, [-3, 8], [4, 26]


def test_knots_that_are_not_uniform_have_a_range_too():
    knots = torch.tensor([-4.0, -2.0, -1.0, 0.5, 1.0, 3.0])  # degree 1: the range is [-2, 1], the support [-4, 3]
    outside = recorded(KANLinear(1, 1, spline_order=1, knots=knots), torch.tensor([[-5.0], [-3.0], [0.0], [2.0]]))
    assert outside == (3 / 4, 1 / 4)


def test_convolution_counts_each_channel_by_its_range():
    low, high = torch.tensor([-1.0, 5.0]), torch.tensor([1.0, 9.0])
    layer = KANConv2d(2, 3, 3, grid_range=(low, high), grid_size=4, padding=1)
    x = torch.stack([torch.zeros(4, 6), torch.full((4, 6), 3.0)]).unsqueeze(0)  # within and without, not in the border
    outside = recorded(layer, x)
    assert outside.grid == 1 / 2
    assert outside.support == 0.0  # the second channel's reaches from 2 to 12


def test_layers_with_a_norm_count_what_the_bases_see():
    x = 1000 + torch.arange(8.0).expand(3, 8)  # far outside, but not when normalised: then up to ±1.53
    assert recorded(FastKANLinear(8, 2), x).grid == 0.0  # on [-2, 2]
    normalised = nn.functional.layer_norm(x, (8,))
    expected = (normalised.abs() > 1.2).double().mean().item()
    assert 0 < recorded(FasterKANLinear(8, 2), x).grid == expected  # on [-1.2, 1.2]
    assert recorded(FastKANLinear(8, 2, layer_norm=False), x).grid == 1.0


def test_functions_that_are_nowhere_zero_have_no_end():
    assert recorded(FastKANConv2d(2, 2, 1, layer_norm=False), torch.full((1, 2, 3, 3), 99.0)) == (1.0, 0.0)


def test_nan_is_outside_and_infinity_too():
    assert recorded(KANLinear(3, 1), torch.tensor([[float("nan"), float("inf"), 0.0]])).grid == pytest.approx(2 / 3)


def network():
    return nn.Sequential(KANLinear(2, 3), nn.ReLU(), nn.Sequential(KANLinear(3, 1, grid_range=(-4.0, 4.0))))


def test_every_layer_is_counted_under_its_name_over_all_calls(draw):
    model, batches = network(), torch.randn(5, 7, 2, generator=draw)
    with record_outside(model) as record:
        for x in batches:
            model(x)
    fractions = record.fractions()
    assert list(fractions) == ["0", "2.0"]
    assert fractions["0"].grid == pytest.approx((batches.abs() > 1).double().mean().item(), rel=1e-12)
    hidden = model[:2](batches)
    assert fractions["2.0"].grid == pytest.approx((hidden.abs() > 4).double().mean().item(), rel=1e-12)


def test_record_can_be_read_on_the_way_and_begun_anew():
    layer = KANLinear(1, 1)
    with record_outside(layer) as record:
        assert record.fractions() == {}
        layer(torch.tensor([[5.0]]))
        assert record.fractions()[""].grid == 1.0
        layer(torch.tensor([[0.0]]))
        assert record.fractions()[""].grid == 0.5
        record.reset()
        layer(torch.tensor([[0.0]]))
        assert record.fractions()[""].grid == 0.0


def trained(recorder):
    torch.manual_seed(0)
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    with recorder(model):
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.linspace(-2, 2, 12).view(6, 2)).square().sum().backward()
            optimizer.step()
    return nn.utils.parameters_to_vector(model.parameters())


def test_training_goes_on_as_it_would_without():
    assert torch.equal(trained(record_outside), trained(nullcontext))


def test_nothing_is_left_on_the_model_even_after_a_fault():
    model = network()
    with pytest.raises(ZeroDivisionError), record_outside(model):
        raise ZeroDivisionError
    with record_outside(model) as record:
        pass
    model(torch.zeros(1, 2))
    assert record.fractions() == {}
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_recording_does_not_wait_for_the_device(monkeypatch):
    """Reading a number off a tensor is what waits; none is read before `fractions`."""
    layer = KANLinear(2, 2)

    def refuse(self):
        raise AssertionError("waited for the device")

    with record_outside(layer) as record:
        for name in ("item", "tolist", "__bool__", "__float__", "__int__", "cpu"):
            monkeypatch.setattr(torch.Tensor, name, refuse)
        layer(torch.zeros(3, 2))
        layer(torch.zeros(3, 2))
    monkeypatch.undo()
    assert record.fractions()[""] == (0.0, 0.0)


def test_input_may_be_named():
    layer = KANLinear(1, 1)
    with record_outside(layer) as record:
        layer(x=torch.tensor([[5.0]]))
    assert record.fractions()[""].grid == 1.0


def test_every_input_is_shown_once_in_the_order_of_the_layers(draw):
    model, x, seen = network(), torch.randn(7, 2, generator=draw), []
    with observe_inputs(model, lambda *what: seen.append(what)):
        model(x)
    assert [(name, layer) for name, layer, _ in seen] == [("0", model[0]), ("2.0", model[2][0])]
    assert torch.equal(seen[0][2], x) and torch.equal(seen[1][2], model[:2](x))
    model(x)
    assert len(seen) == 2


def test_counts_are_those_of_the_record(draw):
    layer, x = (
        KANLinear(4, 2, grid_range=(torch.tensor([-1.0, -2, -3, 0]), torch.ones(4))),
        torch.randn(9, 4, generator=draw),
    )
    shares = outside_counts(layer, x) / x.numel()
    assert shares.tolist() == pytest.approx(list(recorded(layer, x)), rel=1e-6)


def test_model_without_kan_layers_is_refused():
    with pytest.raises(ValueError, match="Sequential has no KAN layer"), record_outside(nn.Sequential(nn.Linear(2, 2))):
        pass
