"""Layers on a GPU give what they give on the CPU, forward and backward."""

import copy

import pytest
import torch

from kanpipe.layers.families import family
from kanpipe.layers.registry import FAMILIES
from kanpipe.machine import seeded


def test_device_is_free_and_named(gpu):
    assert gpu.name and torch.ones(2, device=gpu.device).sum().item() == 2


@pytest.mark.parametrize("operation", ["linear", "conv2d"])
@pytest.mark.parametrize("name", FAMILIES)
def test_layers_and_their_gradients_are_those_of_the_cpu(gpu, name, operation):
    with seeded(0):
        made = family(name)
        layer = made.linear(16, 8) if operation == "linear" else made.conv2d(4, 8, 3, padding=1)
        x = torch.rand(32, 16) if operation == "linear" else torch.rand(4, 4, 8, 8)
    found = []
    for device in (torch.device("cpu"), gpu.device):
        own = copy.deepcopy(layer).to(device)
        out = own(x.to(device))
        out.square().mean().backward()
        found.append([out.detach().cpu(), *(parameter.grad.cpu() for parameter in own.parameters())])
    for here, there in zip(*found, strict=True):  # sums are added up in another order, TF32 is off
        torch.testing.assert_close(there, here, rtol=1e-3, atol=1e-4 * here.abs().max().item())
