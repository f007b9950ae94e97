"""Layers that leave Python: `torch.export`, ONNX, tracing, and a clear refusal of scripting."""

import pytest
import torch
from torch import nn

from kanpipe.layers import FasterKANLinear, FastKANConv2d, FastKANLinear, KANConv2d, KANLinear

LINEAR, IMAGE = (5, 3), (2, 3, 5, 4)
CASES = {
    "splines": (KANLinear, (3, 4), {}, LINEAR),
    "ranges": (KANLinear, (3, 4), {"grid_range": (-torch.ones(3), torch.arange(1.0, 4.0)), "bias": True}, LINEAR),
    "knots": (KANLinear, (3, 4), {"knots": torch.linspace(-3, 3, 9), "base_activation": "gelu"}, LINEAR),
    "Gaussian": (FastKANLinear, (3, 4), {}, LINEAR),
    "switch": (FasterKANLinear, (3, 4), {}, LINEAR),
    "convolution": (KANConv2d, (3, 4, 3), {"padding": 1, "groups": 1, "scaler": True}, IMAGE),
    "convolution of Gaussians": (FastKANConv2d, (3, 4, 2), {}, IMAGE),
}
FLOAT32 = {"rtol": 0, "atol": 2e-6}  # some 200 products of order 0.3, summed in another order


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture
def layer(case, make):
    """One that recomputes: what is exported of it is what is exported of others."""
    kind, sizes, options, _ = case
    return make(kind, *sizes, recompute=True, **options)


@pytest.fixture
def batches(case, draw):
    """Two batches, of another size each."""
    return [torch.randn(n, *case[3][1:], generator=draw) for n in (case[3][0], 7)]


def of_any_batch():
    return ({0: torch.export.Dim("batch", min=2)},)


@pytest.mark.parametrize("strict", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_exported_program_has_the_outputs_for_every_batch(strict, layer, batches):
    program = torch.export.export(layer, (batches[0],), dynamic_shapes=of_any_batch(), strict=strict).module()
    for x in batches:
        torch.testing.assert_close(program(x), layer(x), **FLOAT32)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the exporter and of the checker of ONNX
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_onnx_model_has_the_outputs_for_every_batch(layer, batches):
    pytest.importorskip("onnxscript", reason="the exporter of torch needs it: pip install kanpipe[onnx]")
    reference = pytest.importorskip(
        "onnx.reference", reason="computes what an ONNX model says: pip install kanpipe[onnx]"
    )
    program = torch.onnx.export(layer.eval(), (batches[0],), dynamo=True, dynamic_shapes=of_any_batch(), verbose=False)
    model = reference.ReferenceEvaluator(program.model_proto)
    for x in batches:
        (output,) = model.run(None, {model.input_names[0]: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(output), layer(x).detach(), **FLOAT32)


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # the checks of the input's shape stay behind
def test_traced_layer_has_the_outputs_for_every_batch(layer, batches):
    traced = torch.jit.trace(layer, (batches[0],))
    for x in batches:
        torch.testing.assert_close(traced(x), layer(x), **FLOAT32)


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_script_is_refused_with_what_to_do(layer):
    for model in (layer, nn.Sequential(nn.ReLU(), layer)):
        words = f"torch.jit.script cannot compile {type(layer).__name__}: use torch.export, torch.compile or torch.jit"
        with pytest.raises(TypeError, match=words):
            torch.jit.script(model)
