"""The memory of a GPU: both published U-Nets fit at paper scale, and what does not fit is told in one sentence."""

import pytest
import torch
from tiny_entries import paper, recipe_of, run_of

from kanpipe.errors import UserError
from kanpipe.training.loop import MEMORY_ADVICE
from kanpipe.training.stepper import Stepper

pytestmark = pytest.mark.real_gpu


def test_memory_that_does_not_suffice_is_told_and_given_back(gpu):
    with pytest.raises(UserError, match="has not enough memory"), gpu.enough_memory(MEMORY_ADVICE):
        torch.empty(2**50, dtype=torch.uint8, device=gpu.device)
    assert torch.ones(2, device=gpu.device).sum().item() == 2


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["unet", "kan_unet"])
def test_published_network_fits_as_it_is_configured(gpu, datasets, tmp_path, variant):
    plan = paper()["cifar10_ddim"]
    plan.settings["problem"]["dataset"] = "photographs"  # of the same shape, without a download
    torch.cuda.reset_peak_memory_stats(gpu.device)
    torch.compiler.reset()
    take_step = Stepper(recipe_of(run_of(plan, variant, tmp_path, datasets), gpu), seed=0)
    found = [take_step(step)["loss"].item() for step in range(6)]
    assert torch.tensor(found).isfinite().all()
    assert 0 < gpu.peak_memory_mib() < torch.cuda.get_device_properties(gpu.device).total_memory / 2**20
    print(f"\n{variant}: {gpu.peak_memory_mib():.0f} MiB of {gpu.name}")
