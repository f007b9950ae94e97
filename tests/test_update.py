"""A training step against the formulas of its parts, and a training with all of them against being killed."""

import contextlib
import math

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from kanpipe.errors import UserError
from kanpipe.machine import Machine
from kanpipe.runs import Run
from kanpipe.training import MEMORY_ADVICE, Settings, fit
from kanpipe.update import MovingAverage, StepOptions, Update, _Captured

RESULTS = ("weights.safetensors", "snapshots.safetensors", "history.csv")


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


@pytest.mark.parametrize("ramp", [False, True])
def test_average_is_its_recursion(ramp):
    net = nn.Linear(2, 1)
    average, expected = MovingAverage(net, 0.9, ramp), net.weight.detach().clone()
    for step in range(200):
        nn.init.normal_(net.weight)
        average.set_step(step)
        average.update()
        decay = min(0.9, (1 + step) / (10 + step)) if ramp else 0.9
        expected = decay * expected + (1 - decay) * net.weight.detach()
    torch.testing.assert_close(average.weights["weight"], expected)
    assert average.decay_at(199) == 0.9


def test_average_copies_what_is_not_of_floating_point():
    net = model()
    average = MovingAverage(net, 0.9)
    net(batch()[0])
    average.update()
    assert average.weights["1.num_batches_tracked"] == 1


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


def test_memory_that_does_not_suffice_is_told_with_the_ways_out():
    told = r"GiB were in use\): set `recompute: true` .* `micro_batches` .* checkpoint"
    with pytest.raises(UserError, match=told), Machine.prepare("cpu").enough_memory(MEMORY_ADVICE):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")


class Killed(BaseException):
    """Ends a training like a signal."""


def fit_all(folder, machine, dies_at=None, seed=0):
    """A training with dropout, an average, a course of the learning rate in a tensor, clipping and parts."""
    net = model(dropout=0.5)
    optimizer = torch.optim.Adam(net.parameters(), lr=torch.tensor(0.1))
    options = {"clip_norm": 1.0, "micro_batches": 2, "snapshot_steps": (0, 30), "check_every": 10}
    settings = Settings(steps=60, checkpoint_seconds=0, **options)

    def drawn(step):
        if step == dies_at:
            raise Killed
        return batch(step)

    run = Run("toy", "all", seed, {}, "code", folder)
    extras = {"rate": lambda step: 0.1 / (1 + step), "average": MovingAverage(net, 0.9, ramp=True)}
    fit(run, net, optimizer, objective, drawn, machine, settings, **extras, snapshot=largest_weight)
    return net, {name: (folder / name).read_bytes() for name in RESULTS}


def largest_weight(net):
    return {"largest": net[0].weight.abs().max()}


def test_killed_and_resumed_everything_has_the_same_bytes(tmp_path, machine):
    _, whole = fit_all(tmp_path / "whole", machine)
    for step in (15, 31, 59):
        with pytest.raises(Killed):
            fit_all(tmp_path / "killed", machine, dies_at=step)
    assert fit_all(tmp_path / "killed", machine)[1] == whole
    assert fit_all(tmp_path / "other", machine, seed=1)[1]["history.csv"] != whole["history.csv"]  # by dropout alone


def test_averaged_weights_and_the_snapshot_asked_for_are_what_is_kept(tmp_path, machine):
    net, _ = fit_all(tmp_path, machine)
    weights, snapshots = (load_file(tmp_path / f"{name}.safetensors") for name in ("weights", "snapshots"))
    assert not torch.equal(weights["0.weight"], net[0].weight)
    torch.testing.assert_close(weights["0.weight"], net[0].weight.detach(), rtol=0, atol=0.2)
    assert snapshots.keys() == {"0/largest", "30/largest"}


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
