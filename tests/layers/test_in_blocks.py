"""Blocks give the same bits as whole tensors, and step aside where something has to see the operations."""

import pytest
import torch
from torch.func import grad, vmap

from kanpipe.layers import (
    FasterKANConv2d,
    FasterKANLinear,
    FastKANConv2d,
    FastKANLinear,
    KANConv2d,
    KANLinear,
    in_blocks,
    kernels,
)
from kanpipe.layers.expansion import Expansion
from kanpipe.layers.splines import UniformSpline

RANGES = (-torch.ones(6), torch.arange(1.0, 7.0))
LINEAR, IMAGE = (7, 6), (3, 6, 5, 4)
CASES = {f"degree {k}": (KANLinear, (6, 4), {"spline_order": k}, LINEAR) for k in range(1, 6)}
CASES |= {
    "ranges": (KANLinear, (6, 4), {"grid_range": RANGES, "scaler": False}, LINEAR),
    "no base": (KANLinear, (6, 4), {"base_activation": None}, (2, 3, 6)),
    "recomputed": (KANLinear, (6, 4), {"base_activation": "gelu", "recompute": True}, LINEAR),
    "one row": (KANLinear, (6, 4), {}, (6,)),
    "no rows": (KANLinear, (6, 4), {}, (0, 6)),
    "convolution": (KANConv2d, (6, 4, 3), {"padding": 1, "spline_order": 2}, IMAGE),
    "groups": (KANConv2d, (6, 4, 3), {"groups": 2, "base_activation": "gelu"}, IMAGE),
    "one image": (KANConv2d, (6, 4, 1), {"padding_mode": "zeros", "padding": 1}, IMAGE[1:]),
    "ranges of channels": (KANConv2d, (6, 4, 3), {"grid_range": RANGES}, IMAGE),
}


def results(layer, x):
    x = x.clone().requires_grad_()
    output = layer(x)
    factor = torch.linspace(-1, 1, output.numel(), dtype=x.dtype).view_as(output)
    return [output.detach(), *torch.autograd.grad(output, [x, *layer.parameters()], factor)]


def assert_close_to(ours, whole):
    """Within eight steps of floating point of the largest number."""
    tolerance = 8 * torch.finfo(whole.dtype).eps * whole.abs().amax().item() if whole.numel() else 0
    torch.testing.assert_close(ours, whole, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("block", [1, 20, 2**17, "one pass"])
@pytest.mark.parametrize(("kind", "sizes", "options", "shape"), list(CASES.values()), ids=CASES)
def test_blocks_of_any_size_give_the_same_bits(kind, sizes, options, shape, block, dtype, make, draw, monkeypatch):
    layer = make(kind, *sizes, **options).to(dtype)
    x = (1.5 * torch.randn(shape, generator=draw)).to(dtype)
    if block == "one pass":
        assert kernels.INSTALLED
    else:
        monkeypatch.setattr(kernels, "enabled", False)
        monkeypatch.setattr(in_blocks, "BLOCK", block)
    with monkeypatch.context() as patch:
        patch.setattr(in_blocks, "suits", lambda *_: False)
        expected = results(layer, x)
    (output, gradient, *others), (whole, whole_gradient, *whole_others) = results(layer, x), expected
    assert torch.equal(output, whole)
    assert all(torch.equal(*pair) for pair in zip(others, whole_others, strict=True))
    assert_close_to(gradient, whole_gradient)  # its terms may be added in another order


# A CPU computes exp and sigmoid of the last numbers of a tensor, those that fill no vector, one by one.
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("block", [20, 2**17])
@pytest.mark.parametrize(
    ("kind", "sizes", "options", "shape"),
    [
        (FastKANLinear, (6, 4), {}, LINEAR),
        (FasterKANLinear, (6, 4), {}, LINEAR),
        (FasterKANLinear, (6, 4), {"published_gradient": True, "recompute": True}, (2, 3, 6)),
        (FastKANConv2d, (6, 4, 3), {"groups": 2}, IMAGE),
        (FasterKANConv2d, (6, 4, 2), {}, IMAGE),
    ],
)
def test_blocks_of_radial_functions_give_the_same_numbers(
    kind, sizes, options, shape, block, dtype, make, draw, monkeypatch
):
    layer = make(kind, *sizes, dtype=dtype, **options)
    x = 1.5 * torch.randn(shape, generator=draw, dtype=dtype)
    monkeypatch.setattr(in_blocks, "BLOCK", block)
    with monkeypatch.context() as patch:
        patch.setattr(in_blocks, "suits", lambda *_: False)
        expected = results(layer, x)
    for ours, whole in zip(results(layer, x), expected, strict=True):
        assert_close_to(ours, whole)


@pytest.mark.parametrize("kind", [KANLinear, FastKANLinear])
def test_memory_in_another_order_changes_nothing(kind, make, draw):
    layer, x = make(kind, 6, 4), torch.randn(6, 7, generator=draw)
    for strided, ordered in zip(results(layer, x.T), results(layer, x.T.contiguous()), strict=True):
        assert_close_to(strided, ordered)


def test_what_inference_mode_has_kept_serves_trainings(make, draw):
    layer, x = make(KANLinear, 6, 4, grid_range=(-1.25, 1.0)), torch.randn(7, 6, generator=draw)
    with torch.inference_mode():
        expected = layer(x)
    assert torch.equal(results(layer, x)[0], expected)


@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is deprecated:FutureWarning")
def test_blocks_are_used_where_they_may_be_and_nowhere_else(draw):
    expansion, x = Expansion(UniformSpline(5, 3, (-1.0, 1.0)), "silu"), torch.randn(4, 3, generator=draw)
    seen = []

    def look(u):
        seen.append(in_blocks.suits(expansion, u, None))
        return u.sum()

    with torch.no_grad():
        look(x)
        vmap(look)(x)
        look(x.T)
        look(x.to("meta"))
        torch.jit.trace(look, (x,), check_trace=False)
    look(x)  # a gradient may be asked for
    grad(look)(x)
    assert seen == [True, False, False, False, False, False, False]
