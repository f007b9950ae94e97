"""The packed weight: its gradients in both ways, and that it can be kept while a model only samples."""

import pytest
import torch
from torch import nn

from kanpipe.layers import FastKANLinear, KANConv2d, KANLinear, kan_layer, packing
from kanpipe.layers.kan_layer import weights_kept_packed

SHAPES = {"linear": (4, 3), "convolution": (4, 3, 2, 3)}
PARTS = 5


@pytest.fixture(params=SHAPES)
def tensors(request, draw):
    """A weight and a scaler, and has_base."""
    shape = SHAPES[request.param]

    def leaf(*size):
        return torch.randn(size, generator=draw, dtype=torch.float64).requires_grad_()

    return leaf(shape[0], PARTS * shape[1], *shape[2:]), leaf(*shape)


@pytest.mark.parametrize("has_base", [True, False])
@pytest.mark.parametrize("pack", [packing.packed, packing._Packed.apply], ids=["eager", "compiled"])
def test_spline_parts_are_multiplied_and_the_base_is_not(tensors, has_base, pack):
    weight, scaler = tensors
    by_part = pack(weight, scaler, has_base).chunk(PARTS, dim=1)
    for place, (ours, part) in enumerate(zip(by_part, weight.chunk(PARTS, dim=1), strict=True)):
        assert torch.equal(ours, part if has_base and place == 0 else part * scaler)


@pytest.mark.parametrize("has_base", [True, False])
def test_gradients_that_a_compiler_is_given_are_right(tensors, has_base):
    weight, scaler = tensors

    def pack(weight, scaler):
        return packing._Packed.apply(weight, scaler, has_base)

    assert torch.autograd.gradcheck(pack, (weight, scaler))
    assert torch.autograd.gradgradcheck(pack, (weight, scaler))
    grad = torch.randn_like(weight)
    ours = torch.autograd.grad(pack(weight, scaler), (weight, scaler), grad)
    autograds = torch.autograd.grad(packing.packed(weight, scaler, has_base), (weight, scaler), grad)
    assert torch.equal(ours[0], autograds[0])  # one product each
    torch.testing.assert_close(ours[1], autograds[1], rtol=1e-14, atol=1e-14)  # a sum of five


LAYERS = {
    "linear": (KANLinear, (3, 4), {}, (5, 3)),
    "no base": (KANLinear, (3, 4), {"base_activation": None}, (5, 3)),
    "convolution": (KANConv2d, (4, 6, 3), {"scaler": True, "groups": 2, "padding": 1}, (2, 4, 5, 5)),
}


@pytest.mark.slow
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_compiled_layer_has_the_gradients_of_an_eager_one(name, recompute, draw, make):
    kind, sizes, options, shape = LAYERS[name]
    torch.compiler.reset()
    layer = make(kind, *sizes, recompute=recompute, dtype=torch.float64, **options)
    x = torch.randn(shape, generator=draw, dtype=torch.float64, requires_grad=True)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    results = []
    for forward in (layer, compiled):
        out = forward(x)
        results.append([out, *torch.autograd.grad(out.square().sum(), [x, layer.weight, layer.spline_scaler])])
    # sums of some 100 products in float64
    torch.testing.assert_close(results[1], results[0], rtol=1e-12, atol=1e-12)


@pytest.fixture
def model(make):
    return nn.Sequential(make(KANLinear, 3, 4), make(FastKANLinear, 4, 4), make(KANLinear, 4, 2, seed=1))


@pytest.fixture
def packings(monkeypatch):
    """A list that grows with every weight that is packed."""
    counted = []
    monkeypatch.setattr(kan_layer, "packed", lambda *inputs: counted.append(inputs) or packing.packed(*inputs))
    return counted


@torch.no_grad()
def test_kept_weights_are_packed_once_and_give_the_same_bytes(model, packings, draw):
    x = torch.randn(50, 3, generator=draw)
    expected = [model(rows) for rows in x.split(5)]
    assert len(packings) == 20
    with weights_kept_packed(model):
        found = [model(rows) for rows in x.split(5)]
    assert len(packings) == 22
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


def test_gradients_flow_although_weights_are_kept(model, draw):
    x = torch.randn(5, 3, generator=draw)
    expected = torch.autograd.grad(model(x).sum(), model.parameters())
    with weights_kept_packed(model):
        found = torch.autograd.grad(model(x).sum(), model.parameters())
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@torch.no_grad()
def test_after_the_block_weights_are_what_they_are_then(model, draw):
    x = torch.randn(5, 3, generator=draw)
    with pytest.raises(ZeroDivisionError), weights_kept_packed(model):
        raise ZeroDivisionError
    before = model(x)
    model[2].spline_scaler.zero_()
    model[2].base_weight.zero_()
    assert before.abs().min() > 0 and not model(x).any()


def test_kept_weights_are_not_part_of_the_state(model):
    names = set(model.state_dict())
    with weights_kept_packed(model):
        assert set(model.state_dict()) == names
