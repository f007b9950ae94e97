"""What PyTorch can do to whole models: vectorise, copy, save, move, and compute in half precision."""

import copy
import io
import pickle

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

from kanpipe.layers import FasterKANConv2d, FasterKANLinear, FastKANConv2d, FastKANLinear, KANConv2d, KANLinear
from kanpipe.layers.splines import cardinal

RANGES = (torch.tensor([-1.0, -2.0, 0.0]), torch.tensor([1.0, 0.5, 3.0]))
LINEAR, IMAGE = (5, 3), (4, 3, 4, 4)
CASES = {
    "splines": (KANLinear, (3, 4), {}, LINEAR),
    "ranges": (KANLinear, (3, 4), {"grid_range": RANGES, "scaler": False, "bias": True}, LINEAR),
    "knots": (KANLinear, (3, 4), {"knots": torch.linspace(-3, 3, 9), "base_activation": "gelu"}, LINEAR),
    "Gaussian": (FastKANLinear, (3, 4), {}, LINEAR),
    "switch": (FasterKANLinear, (3, 4), {}, LINEAR),
    "convolution": (KANConv2d, (3, 4, 3), {"padding": 1, "grid_range": RANGES, "scaler": True, "bias": True}, IMAGE),
    "groups": (KANConv2d, (3, 6, 2), {"groups": 3, "padding": 1, "padding_mode": "reflect"}, IMAGE),
    "convolution of Gaussians": (FastKANConv2d, (3, 4, 2), {}, IMAGE),
    "convolution of switches": (FasterKANConv2d, (3, 4, 2), {}, IMAGE),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(params=[False, True], ids=["saving", "recomputing"])
def layer(request, case, make):
    kind, sizes, options, _ = case
    return make(kind, *sizes, recompute=request.param, **options)


@pytest.fixture
def x(case, draw):
    return torch.randn(case[3], generator=draw)


def test_samples_are_vectorised(layer, x):
    parameters = {name: value.detach() for name, value in layer.named_parameters()}

    def loss(parameters, row):
        return functional_call(layer, parameters, (row,)).square().sum()

    together = vmap(grad(loss, argnums=(0, 1)), in_dims=(None, 0))(parameters, x)
    for i, row in enumerate(x):
        row = row.clone().requires_grad_()
        value = layer(row).square().sum()
        alone = torch.autograd.grad(value, [*layer.parameters(), row])
        ours = [*(together[0][name][i] for name in parameters), together[1][i]]
        torch.testing.assert_close(ours, list(alone), rtol=1e-4, atol=1e-5)  # float32 sums of some 100 products


def test_an_ensemble_of_layers_is_vectorised(case, x, make):
    kind, sizes, options, _ = case
    for recompute in (False, True):
        layers = [make(kind, *sizes, seed=seed, recompute=recompute, **options) for seed in range(3)]
        state = stack_module_state(layers)
        base = copy.deepcopy(layers[0])
        outputs = vmap(lambda *state, base=base: functional_call(base, state, (x,)))(*state)
        expected = torch.stack([layer(x) for layer in layers])
        torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-5)


def through_state_dict(layer):
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    empty = copy.deepcopy(layer)
    with torch.no_grad():
        for value in (*empty.parameters(), *empty.buffers()):
            value.fill_(9)
    empty.load_state_dict(torch.load(buffer, weights_only=True))
    return empty


@pytest.mark.parametrize(
    "way",
    [copy.deepcopy, through_state_dict, lambda layer: pickle.loads(pickle.dumps(layer))],
    ids=["copy", "state", "pickle"],
)
def test_copy_gives_the_same_output_and_goes_its_own_way(way, layer, x):
    before = layer(x)
    other = way(layer)
    assert torch.equal(other(x), before)
    with torch.no_grad():
        for value in (*other.parameters(), *other.buffers()):
            value.add_(0.1)
    assert torch.equal(layer(x), before)
    assert not torch.equal(other(x), before)


def test_layer_moves_to_another_type_whole(layer, x):
    exact = copy.deepcopy(layer).to(torch.float64)
    assert {t.dtype for t in (*exact.parameters(), *exact.buffers())} == {torch.float64}
    out = exact(x.double())
    assert out.dtype == torch.float64
    torch.testing.assert_close(layer(x).double(), out, rtol=0, atol=1e-5)  # some 100 float32 products of order 0.3


def test_layer_without_memory_has_the_shapes(case, x):
    kind, sizes, options, _ = case
    layer = kind(*sizes, device="meta", **options)
    assert {t.device.type for t in (*layer.parameters(), *layer.buffers())} == {"meta"}
    real = kind(*sizes, **options)
    assert layer(x.to("meta")).shape == real(x).shape
    layer.to_empty(device="cpu").load_state_dict(real.state_dict())
    assert torch.equal(layer(x), real(x))


def test_layer_is_made_where_all_is_without_memory(case):
    kind, sizes, options, image = case
    ends = {name: value for name, value in options.items() if name in ("knots", "grid_range")}
    with torch.device("meta"):
        bare = {name: torch.utils._pytree.tree_map(lambda t: t.to("meta"), value) for name, value in ends.items()}
        layer = kind(*sizes, **options | bare)
        assert layer(torch.empty(image)).is_meta
    real = kind(*sizes, **options)
    assert {name: t.shape for name, t in layer.state_dict().items()} == {
        n: t.shape for n, t in real.state_dict().items()
    }


@pytest.mark.parametrize("types", [(torch.float64, torch.float32), (torch.float32, torch.float64)], ids=str)
def test_input_of_another_type_is_refused(types, layer, x):
    given, own = types
    words = "the input is float.. and this layer is float..; convert one of them"
    behind_a_norm = "Expected weight to have the same dtype|expected scalar type|mixed dtype"  # the norm's own words
    with pytest.raises((TypeError, RuntimeError), match=f"{words}|{behind_a_norm}"):
        layer.to(own)(x.to(given))


def test_dtype_keyword_holds_for_parameters_buffers_and_norm(case):
    kind, sizes, options, _ = case
    layer = kind(*sizes, dtype=torch.float64, **options)
    assert {t.dtype for t in (*layer.parameters(), *layer.buffers())} == {torch.float64}


def test_autocast_computes_the_product_alone_in_half_precision(layer, x):
    x.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    full = layer(x)
    # a feature, a weight and the output are each rounded to 2^-9 of themselves; up to 10 of 250 products count
    torch.testing.assert_close(out.float(), full, rtol=2**-8, atol=0.03)
    out.float().square().sum().backward()
    for tensor in (x, *layer.parameters()):
        assert tensor.grad.dtype == tensor.dtype == torch.float32
        assert tensor.grad.isfinite().all()
        assert tensor.grad.abs().sum() > 0


@pytest.mark.parametrize("recompute", [False, True])
def test_basis_is_exact_under_autocast_where_one_in_half_precision_is_not(recompute, draw, make):
    layer = make(KANLinear, 64, 32, grid_size=20, base_activation=None, scaler=False, recompute=recompute)
    x = (2 * torch.rand(200, 64, generator=draw) - 1).bfloat16().float()  # a number of both types
    full = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = layer(x).float()
    centres = layer.basis.centres(None)
    half = torch.cat([cardinal((x.bfloat16() - c) * layer.basis.scale(None), 3) for c in centres], -1)
    naive = F.linear(half, layer.weight.bfloat16()).float()
    error, naive_error = ((out - full).detach().std() for out in (ours, naive))
    assert error < 0.4 * naive_error
    # no more than the product itself loses with the exact features: weights, features and output are each rounded
    exact = F.linear(layer.features(x).bfloat16(), layer.weight.bfloat16()).float()
    assert torch.equal(ours, exact)


def test_autocast_leaves_double_precision_alone(layer, x):
    exact, x = layer.double(), x.double()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = exact(x)
    assert out.dtype == torch.float64
    torch.testing.assert_close(out, exact(x), rtol=0, atol=1e-12)


def test_stack_of_layers_under_autocast_takes_half_precision_in_between(case, x, make):
    kind, sizes, options, _ = case
    first = make(kind, *sizes, **options)
    width = first.weight.shape[0]
    second = make(FastKANLinear if len(sizes) == 2 else FastKANConv2d, width, *sizes[1:], recompute=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = second(first(x))
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert first.weight.grad.isfinite().all()


def test_layer_in_half_precision_alone(layer, x):
    full = layer(x.bfloat16().float())
    half = layer.bfloat16()
    x = x.bfloat16().requires_grad_()
    out = half(x)
    assert out.dtype == torch.bfloat16
    # parameters, ranges and the norm's output are rounded to 2^-9 of themselves too, and bases are up to 2 / h steep
    torch.testing.assert_close(out.float(), full, rtol=0.05, atol=0.15)
    out.sum().backward()
    assert x.grad.dtype == half.weight.grad.dtype == torch.bfloat16
    assert half.weight.grad.isfinite().all()


def test_bases_sum_to_one_in_half_precision_with_ranges_per_feature():
    layer = KANLinear(3, 1, grid_range=RANGES, base_activation=None, scaler=False, dtype=torch.bfloat16)
    x = torch.stack([torch.linspace(low, high, 50) for low, high in zip(*RANGES, strict=True)], -1).bfloat16()
    features = layer.features(x)
    assert features.dtype == torch.float32
    total = features.unflatten(-1, (8, 3)).sum(1)
    torch.testing.assert_close(total, torch.ones(50, 3), rtol=0, atol=3e-6)  # as in float32


cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@cuda
def test_layer_moves_to_the_device_whole(layer, x):
    expected = layer(x)
    moved = layer.cuda()
    assert {t.device.type for t in (*moved.parameters(), *moved.buffers())} == {"cuda"}
    torch.testing.assert_close(moved(x.cuda()).cpu(), expected, rtol=1e-4, atol=1e-4)


@cuda
def test_training_step_is_captured_in_a_cuda_graph(layer, x):
    layer, x = layer.cuda(), x.cuda().requires_grad_()

    def step():
        for tensor in (x, *layer.parameters()):
            tensor.grad = None
        layer(x).square().sum().backward()

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    with torch.no_grad():
        x.mul_(0.5)
    graph.replay()
    replayed = [tensor.grad.clone() for tensor in (x, *layer.parameters())]
    step()
    torch.testing.assert_close(replayed, [tensor.grad for tensor in (x, *layer.parameters())], rtol=1e-4, atol=1e-4)
