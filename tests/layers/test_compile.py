"""Whole models of KAN layers under `torch.compile`."""

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend
from torch._dynamo.utils import counters
from torch.nn import functional as F

from kanpipe.layers import FasterKANLinear, FastKANConv2d, FastKANLinear, KANConv2d, KANLinear

pytestmark = pytest.mark.slow


class ManyShapes(nn.Module):
    """Forty layers, no two of one shape, in both modes by turns."""

    def __init__(self):
        super().__init__()
        small = {
            "grid_size": 1,
            "spline_order": 1,
            "base_activation": None,
        }  # tracing takes a tenth of a second a layer
        channels = [1 + i % 5 for i in range(16)]
        kernels = [(1 + i % 3, 1 + i // 5) for i in range(15)]
        self.convolutions = nn.Sequential(
            *[KANConv2d(channels[i], channels[i + 1], kernels[i], recompute=i % 2 == 0, **small) for i in range(15)]
        )
        kinds = [(KANLinear, small | {"scaler": False})] * 23 + [(FastKANLinear, {"centres": 2}), (FasterKANLinear, {})]
        self.linears = nn.Sequential(
            *[kind(4 + i, 5 + i, recompute=i % 2 == 0, **options) for i, (kind, options) in enumerate(kinds)]
        )

    def forward(self, x):
        maps = self.convolutions(x)
        return self.linears(F.adaptive_avg_pool2d(maps, (4, 1)).mean(1).flatten(1))


def test_model_of_forty_shapes_is_captured_whole_once_and_once_more_for_all_batch_sizes(draw):
    torch.compiler.reset()
    counters.clear()
    torch.manual_seed(0)
    model = ManyShapes()
    layers = [*model.convolutions, *model.linears]
    assert len({layer.weight.shape for layer in layers}) == 40
    backend = CompileCounterWithBackend("eager")  # what is captured does not depend on what is made of it
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    for batch, captures in ((2, 1), (3, 2), (5, 2)):
        x = torch.randn(batch, 1, 20, 24, generator=draw)
        torch.testing.assert_close(compiled(x), model(x), rtol=1e-5, atol=1e-6)
        assert backend.frame_count == captures
    assert not counters["graph_break"]
    assert not counters["unimplemented"]


def test_compiled_model_of_all_kinds_has_the_outputs_and_gradients(draw, make):
    torch.compiler.reset()
    counters.clear()
    images = [make(FastKANConv2d, 2, 3, 2, centres=2), make(KANConv2d, 3, 4, 2, groups=1, grid_size=1, recompute=True)]
    rows = [
        make(KANLinear, 4, 5, grid_size=1, recompute=True),
        make(FasterKANLinear, 5, 4, centres=2, recompute=True),
        make(KANLinear, 4, 3, grid_size=1, grid_range=(torch.full((4,), -2.0), torch.arange(4.0))),
        make(KANLinear, 3, 2, knots=torch.linspace(-2, 2, 6), spline_order=2, bias=True),
    ]
    model = nn.Sequential(*images, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *rows)
    backend = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    for batch in (4, 3, 7):
        x = torch.randn(batch, 2, 5, 5, generator=draw, requires_grad=True)
        torch._dynamo.mark_dynamic(x, 0)  # an error if what is compiled held for one batch size only
        out, expected = compiled(x), model(x)
        torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)  # six layers of float32 sums
        ours, theirs = (torch.autograd.grad(o.square().sum(), [x, *model.parameters()]) for o in (out, expected))
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
        assert backend.frame_count == 1
    assert not counters["graph_break"]
