"""The U-Net: its counts, its layout, and that the family decides what it is built of."""

import math

import pytest
import torch
from torch import nn

from kanpipe.layers import family
from kanpipe.layers.kan_layer import KANLayer
from kanpipe.models import UNet, parameter_count
from kanpipe.models.unet import Downsample2D, ResnetBlock2D, Upsample2D, timestep_embedding

TORCH_CONV_KAN = {
    "grid_size": 3,
    "spline_order": 2,
    "scaler": False,
    "base_activation": "gelu",
    "linear_norm": "layer",
    "conv_norm": "instance",
    "output_activation": "prelu",
    "init": "torch_conv_kan",
}
SMALL = {"channels": 8, "multipliers": (1, 2), "groups": 4, "dropout": 0.0}


def small(name="mlp", **options):
    torch.manual_seed(0)
    return UNet(family(name, **options), **SMALL)


@pytest.mark.parametrize(("name", "options", "count"), [("mlp", {}, 23_220_867), ("kan", TORCH_CONV_KAN, 132_531_642)])
def test_counts_are_the_published_ones(name, options, count):
    with torch.device("meta"):
        assert parameter_count(UNet(family(name, **options))) == count


def test_layers_of_the_kan_are_replaced_but_for_the_downsampling():
    with torch.device("meta"):
        ordinary, kan = UNet(family("mlp")), UNet(family("kan", **TORCH_CONV_KAN))
    kinds = {kind: sum(isinstance(module, kind) for module in ordinary.modules()) for kind in (nn.Conv2d, nn.Linear)}
    assert kinds == {nn.Conv2d: 45, nn.Linear: 16}
    left = [module for module in kan.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    assert len(left) == 3 and all(module.stride == (2, 2) for module in left)
    assert sum(isinstance(module, KANLayer) for module in kan.modules()) == 16 + 42


def test_noise_has_the_shape_of_the_image_and_depends_on_the_time():
    net, x = small(), torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    early, late = (net(x, torch.tensor([t, t])) for t in (0, 500))
    assert early.shape == x.shape and not torch.allclose(early, late)
    alone = net(x[:1], torch.tensor([0]))
    torch.testing.assert_close(alone[0], early[0], rtol=0, atol=1e-5)  # images do not see one another


@pytest.mark.parametrize("name", ["kan", "fastkan", "fasterkan"])
def test_every_family_trains_every_parameter(name):
    net = small(name)
    net(torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([3, 700])).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_edges_can_be_of_another_family():
    net = UNet(family("kan", conv_norm="instance"), **SMALL, edge=family("mlp"))
    assert isinstance(net.conv_in, nn.Conv2d) and isinstance(net.conv_out, nn.Conv2d)
    assert isinstance(net.mid_blocks[0].conv1, nn.Sequential)


def test_way_up_takes_what_the_way_down_left_in_reverse():
    net, seen = small(), []
    for module in (net.conv_in, *net.down_blocks):
        module.register_forward_hook(lambda _, __, output: seen.append(output))
    skips = []
    for module in net.up_blocks:
        if isinstance(module, ResnetBlock2D):
            module.register_forward_pre_hook(lambda _, inputs: skips.append(inputs[0]))
    net(torch.randn(1, 3, 8, 8), torch.tensor([7]))
    assert len(seen) == len(skips) == 4
    for left, joined in zip(reversed(seen), skips, strict=True):
        assert torch.equal(joined[:, -left.shape[1] :], left)


def test_embedding_is_that_of_the_published_net():
    t, features = torch.tensor([0, 1, 999]), 128
    expected = torch.empty(3, features)
    for row, time in enumerate(t.tolist()):
        for k in range(64):
            angle = time * math.exp(-math.log(10000) / 63 * k)
            expected[row, k], expected[row, 64 + k] = math.sin(angle), math.cos(angle)
    torch.testing.assert_close(timestep_embedding(t, features), expected, rtol=0, atol=1e-4)  # angles up to 999


def test_downsampling_pads_on_the_right_and_below_and_upsampling_repeats():
    down = Downsample2D(1)
    nn.init.zeros_(down.conv.bias)
    with torch.no_grad():
        down.conv.weight.zero_()
        down.conv.weight[0, 0, 0, 0] = 1
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert torch.equal(down(x), x[:, :, ::2, ::2])
    up = Upsample2D(family("mlp"), 1)
    with torch.no_grad():
        nn.init.dirac_(up.conv.weight)
        nn.init.zeros_(up.conv.bias)
        assert torch.equal(up(x), x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
