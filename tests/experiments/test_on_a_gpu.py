"""Every stage that trains, samples or scores makes its tensors where the GPU is, of every kind and layer family."""

import pytest
import torch
from pretended_gpu import CUDA, pretended_gpu
from tiny_entries import plans, run_of
from torch import nn

from kanpipe.config.kinds import parsed
from kanpipe.experiments import stage
from kanpipe.experiments.protocol import Inputs
from kanpipe.layers.families import family
from kanpipe.layers.registry import FAMILIES
from kanpipe.machine import seeded
from kanpipe.runs import FinishedRun

PLANS = plans()
for plan in PLANS.values():  # no graph is captured, which needs a real GPU
    if "cuda_graph" in plan.settings.get("training", {}):
        plan.settings["training"]["cuda_graph"] = False


@pytest.fixture
def gpu():
    with pretended_gpu() as machine:
        yield machine


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_stages_of_an_entry_run_on_a_gpu(gpu, datasets, tmp_path, name):
    plan = PLANS[name]
    started = [run_of(plan, variant, tmp_path, datasets) for variant in plan.settings["variants"]]
    for run in started:
        stage(plan.kind, "train")(run, gpu, checkpoint_seconds=1e9)
    runs, data = [FinishedRun.read(run.folder) for run in started], started[0].data
    assert all(run.record.status == "finished" for run in runs)
    if plan.has("sample"):
        for run in runs:
            sampling = parsed(plan.kind, plan.blocks("sample"))
            stage(plan.kind, "sample")(run, sampling, Inputs(data), gpu, run.folder / "samples.npz")
    frames = stage(plan.kind, "evaluate")(
        runs, parsed(plan.kind, plan.blocks("evaluate")), Inputs(data, features=tmp_path / "features"), gpu
    )
    assert len(frames["runs"]) >= len(runs)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("operation", ["linear", "conv2d"])
@pytest.mark.parametrize("name", FAMILIES)
def test_layers_of_a_family_run_on_a_gpu(gpu, name, operation, precision):
    with seeded(0):
        made = family(name)
        layer, x = {
            "linear": lambda: (made.linear(6, 4), torch.rand(5, 6)),
            "conv2d": lambda: (made.conv2d(3, 4, 3, padding=1), torch.rand(2, 3, 8, 8)),
        }[operation]()
    expected = layer(x).detach()  # a graph would hold the weights on the CPU
    with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bfloat16"):
        found = layer.to(CUDA)(x.to(CUDA))
    assert found.device == CUDA and found.dtype in (torch.float32, getattr(torch, precision))
    # bfloat16 has a step of 1 / 256; sums of some products have a few of them.
    step = 2**-6 if precision == "bfloat16" else 1e-5
    torch.testing.assert_close(found.cpu().float(), expected, rtol=step, atol=step * expected.abs().max().item())


# What a GPU refuses is refused here too: without that, the tests above could not fail.


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda x, own: x + torch.ones(3), "some tensors are on cuda and some on the cpu"),
        (lambda x, own: torch.cat([x, torch.ones(3)]), "some tensors are on cuda and some on the cpu"),
        (lambda x, own: torch.ones(3)[x.long()], "some tensors are on cuda and some on the cpu"),
        (lambda x, own: nn.Linear(3, 1)(x), "some tensors are on cuda and some on the cpu"),
        (lambda x, own: torch.rand(3, generator=torch.Generator().manual_seed(1), device=CUDA), "another device"),
        (lambda x, own: torch.rand(3, generator=own), "another device|Expected"),
        (lambda x, own: x.normal_(generator=torch.Generator().manual_seed(1)), "another device"),
        (lambda x, own: x.numpy(), "numpy"),
    ],
)
def test_device_that_is_pretended_refuses_what_a_gpu_refuses(gpu, mistake, said):
    with pytest.raises((RuntimeError, TypeError), match=said):
        mistake(torch.ones(3, device=CUDA), gpu.generator(0, "noise"))


def test_device_that_is_pretended_takes_what_a_gpu_takes(gpu):
    x = torch.arange(3.0, device=CUDA)
    assert x[torch.tensor([2, 0])].cpu().tolist() == [2, 0]
    assert (x * torch.tensor(2.0)).sum().item() == 6
    assert torch.rand(2, generator=gpu.generator(0), device=CUDA).device == CUDA
    x[0] = 5
    assert x.cpu().numpy()[0] == 5
