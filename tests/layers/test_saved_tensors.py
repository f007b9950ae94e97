"""What layers keep for the backward pass."""

import pytest
import torch

from kanpipe.layers import FasterKANLinear, FastKANLinear, KANConv2d, KANLinear

CASES = {
    "linear": (KANLinear, (12, 7), {"scaler": False}, (33, 12)),
    "linear with bias": (KANLinear, (12, 7), {"scaler": False, "bias": True}, (33, 12)),
    "convolution": (KANConv2d, (4, 6, 3), {"padding": 1}, (5, 4, 8, 8)),
    "grouped convolution": (KANConv2d, (4, 6, 3), {"padding": 1, "groups": 2}, (5, 4, 8, 8)),
    "zeros convolution of one pixel": (KANConv2d, (4, 6, 1), {"padding_mode": "zeros"}, (5, 4, 8, 8)),
    "Gaussian without norm": (FastKANLinear, (12, 7), {"layer_norm": False}, (33, 12)),
    "switch without norm": (FasterKANLinear, (12, 7), {"layer_norm": False}, (33, 12)),
}
case = pytest.mark.parametrize(("kind", "sizes", "options", "shape"), list(CASES.values()), ids=CASES)


def saved(model, x):
    """The tensors kept for the backward pass, one of each memory, and the output."""
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = model(x)
    return kept, out


def is_known(kept, *known):
    return set(kept) <= {tensor.untyped_storage().data_ptr() for tensor in known}


@case
def test_recomputing_keeps_the_input_and_the_weight_alone(kind, sizes, options, shape, draw, make):
    layer, x = make(kind, *sizes, recompute=True, **options), torch.randn(shape, generator=draw, requires_grad=True)
    kept, out = saved(layer, x)
    assert is_known(kept, x, layer.weight)
    out.sum().backward()
    assert x.grad.isfinite().all()


@case
def test_otherwise_the_features_are_kept_once(kind, sizes, options, shape, draw, make):
    layer, x = make(kind, *sizes, **options), torch.randn(shape, generator=draw, requires_grad=True)
    kept, _ = saved(layer, x)
    known = [tensor.untyped_storage().data_ptr() for tensor in (x, layer.weight)]
    (features,) = [tensor for memory, tensor in kept.items() if memory not in known]
    assert features.untyped_storage().nbytes() == x.numel() * layer.expansion.parts * 4
    assert torch.equal(features.reshape(layer.features(x).shape), layer.features(x))


@pytest.mark.parametrize("kind", [FastKANLinear, FasterKANLinear])
def test_behind_a_norm_its_output_is_kept_too(kind, draw, make):
    layer, x = make(kind, 12, 7, recompute=True), torch.randn(33, 12, generator=draw, requires_grad=True)
    kept, _ = saved(layer, x)
    own = [x, layer.weight, layer.layernorm.weight, layer.layernorm.bias]
    others = [tensor for memory, tensor in kept.items() if not is_known([memory], *own)]
    sizes = sorted(tensor.untyped_storage().nbytes() // 4 for tensor in others)
    assert sizes == [33, 33, 33 * 12]  # mean and deviation of the rows, and their normalised values


def test_with_a_scaler_the_packed_weight_is_kept_too(draw, make):
    layer, x = make(KANLinear, 12, 7, recompute=True), torch.randn(500, 12, generator=draw, requires_grad=True)
    kept, _ = saved(layer, x)
    others = [tensor for memory, tensor in kept.items() if not is_known([memory], x, *layer.parameters())]
    assert [tensor.shape for tensor in others] == [layer.weight.shape]


# A compiled convolution has its input and weight in channels-last order and keeps these copies instead.
@pytest.mark.slow
@pytest.mark.parametrize(("name", "backend"), [("convolution", "aot_eager"), ("linear", "inductor")])
def test_compiled_too(name, backend, draw, make):
    kind, sizes, options, shape = CASES[name]
    torch.compiler.reset()
    layer, x = make(kind, *sizes, recompute=True, **options), torch.randn(shape, generator=draw, requires_grad=True)
    kept, out = saved(torch.compile(layer, fullgraph=True, backend=backend), x)
    assert kept, "the hooks have seen nothing"
    assert len(kept) <= 2
    assert all(any(torch.equal(tensor, known) for known in (x, layer.weight)) for tensor in kept.values())
    ours = torch.autograd.grad(out.sum(), [x, layer.weight])
    eager_out = layer(x)
    eager = torch.autograd.grad(eager_out.sum(), [x, layer.weight])
    torch.testing.assert_close(out, eager_out, rtol=0, atol=1e-5)  # sums of up to 320 float32 products of order 1
    torch.testing.assert_close(ours, eager, rtol=1e-5, atol=1e-4)


@pytest.mark.slow
def test_compiled_network_keeps_no_features(draw, make):
    layers = [make(KANLinear, 12, 30, scaler=False, recompute=True), make(FastKANLinear, 30, 5, recompute=True)]
    net, x = torch.nn.Sequential(*layers), torch.randn(33, 12, generator=draw)
    torch.compiler.reset()
    # The partitioner of Inductor without its kernels; of data, which need no gradient, it would keep the features.
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager_decomp_partition")
    compiled(x)  # compiled before the hooks are there, which would be compiled too
    kept, out = saved(compiled, x)
    others = [tensor for memory, tensor in kept.items() if not is_known([memory], *net.parameters())]
    assert sorted(tensor.numel() for tensor in others) == [33 * 12, 33 * 30]  # the inputs of the layers
    ours = torch.autograd.grad(out.sum(), list(net.parameters()))
    eager = torch.autograd.grad(net(x).sum(), list(net.parameters()))
    torch.testing.assert_close(ours, eager, rtol=1e-5, atol=1e-4)  # sums of some 300 float32 products of order 1
