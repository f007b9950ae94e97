"""What a training step computes, against the formulas of its parts."""

import contextlib
import math

import pytest
import torch
from torch import nn

from kanpipe.errors import UserError
from kanpipe.training.average import MovingAverage
from kanpipe.training.step import StepOptions, Update, _Captured, _evaluator


def model(dropout=0.0):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(dropout), nn.Linear(8, 1)).double()


def batch(step=0, rows=8):
    draw = torch.Generator().manual_seed(step)
    x = torch.randn(rows, 3, generator=draw, dtype=torch.float64)
    return x, x.sum(dim=1, keepdim=True).square()


def objective(net, x, y):
    return {"loss": nn.functional.mse_loss(net(x), y), "mean": y.mean()}


def sgd(net, rate=0.1):
    return torch.optim.SGD(net.parameters(), lr=rate)


def gradient(net, *tensors):
    net.zero_grad()
    objective(net, *tensors)["loss"].backward()
    return [parameter.grad.clone() for parameter in net.parameters()]


@pytest.mark.parametrize("norm", [0.01, 1e9])
def test_gradient_is_clipped_to_its_norm(norm):
    net, twin = model(), model()
    update = Update(net, sgd(net), objective, StepOptions(clip_norm=norm))
    wanted = gradient(twin, *batch())
    size = math.sqrt(sum(part.square().sum().item() for part in wanted))
    before = [parameter.detach().clone() for parameter in net.parameters()]
    said = update(*batch())
    for old, new, part in zip(before, net.parameters(), wanted, strict=True):
        # clip_grad_norm_ adds 1e-6 to the norm that it divides by
        torch.testing.assert_close(new, old - 0.1 * part * min(1, norm / size), rtol=1e-5, atol=1e-12)
    assert said["mean"] == batch()[1].mean()


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_parts_of_a_batch_have_the_gradient_of_the_whole(parts):
    net, twin = model().eval(), model().eval()  # in training a BatchNorm sees its part only
    before = [parameter.detach().clone() for parameter in net.parameters()]
    said = Update(net, sgd(net), objective, StepOptions(micro_batches=parts))(*batch())
    for old, new, part in zip(before, net.parameters(), gradient(twin, *batch()), strict=True):
        torch.testing.assert_close(new, old - 0.1 * part, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(said["loss"], objective(twin, *batch())["loss"].detach(), rtol=1e-12, atol=0)


def test_bfloat16_is_of_products_alone():
    net, seen = nn.Linear(3, 1), []

    def of_type(net, x, y):
        out = net(x)
        seen.append(out.dtype)
        return {"loss": (out.float() - y).square().mean()}

    Update(net, sgd(net), of_type, StepOptions(precision="bfloat16"))(*(part.float() for part in batch()))
    assert seen == [torch.bfloat16]
    assert net.weight.dtype == net.weight.grad.dtype == torch.float32


def test_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision is 'fp16'; choose one of float32, bfloat16"):
        StepOptions(precision="fp16")


@pytest.mark.parametrize(
    ("error", "words"),
    [(RuntimeError("no C++ compiler\nmore"), r"no C\+\+ compiler"), (AssertionError(), "AssertionError")],
)
def test_compiler_that_fails_is_told_with_the_way_out(monkeypatch, error, words):
    def broken(function, **options):
        def compiled(*tensors):
            raise torch._dynamo.exc.BackendCompilerFailed(lambda: None, error, None)

        return compiled

    monkeypatch.setattr(torch, "compile", broken)
    evaluate = _evaluator(objective, model(), StepOptions(compile=True))
    with pytest.raises(UserError, match=rf"torch.compile failed \({words}\); set `compile: false`"):
        evaluate(*batch())


class FakeGraph:
    """A CUDA graph for machines without CUDA: what was captured is run again by Python."""

    def __init__(self):
        self.replays = 0

    def replay(self):
        self.replays += 1


def test_step_is_taken_three_times_then_captured_and_replayed_on_what_it_is_given(monkeypatch):
    """The order of calls and the buffers; numbers of a real graph need a GPU."""
    for name in ("Stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, lambda: type("Stream", (), {"wait_stream": lambda *_: None})())
    for name in ("stream", "graph"):
        monkeypatch.setattr(torch.cuda, name, lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    runs = []
    captured = _Captured(lambda x: runs.append(x) or {"loss": x.sum()})
    for step in range(6):
        captured(torch.full((2,), float(step)))
    assert [x.tolist() for x in runs[:3]] == [[0, 0], [1, 1], [2, 2]]
    assert len(runs) == 4  # and the capture: replays run no Python
    assert captured._graph.replays == 3
    assert captured._inputs[0].tolist() == [5, 5]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_graph_trains_like_eager_steps():
    losses = {}
    for graph in (False, True):
        net = model(dropout=0.1).float().cuda()
        optimizer = torch.optim.Adam(
            net.parameters(), lr=torch.tensor(0.01, device="cuda"), fused=True, capturable=True
        )
        update = Update(
            net, optimizer, objective, StepOptions(clip_norm=1.0, cuda_graph=graph), MovingAverage(net, 0.9)
        )
        found = losses.setdefault(graph, [])
        for step in range(8):
            torch.manual_seed(step)
            found.append(update(*(part.float().cuda() for part in batch(step)))["loss"].item())
    assert losses[True] == losses[False]
