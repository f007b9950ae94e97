"""The U-Net: its counts, its layout, and that the family decides what it is built of."""

import math

import pytest
import torch
from torch import nn

from kanpipe.layers import family
from kanpipe.layers.kan_layer import KANLayer
from kanpipe.models import UNet, parameter_count
from kanpipe.models.unet import timestep_embedding
from kanpipe.models.unet_blocks import Downsample2D, ResnetBlock2D, TokenBlock, Upsample2D, start_small

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
    net = UNet(family("kan", conv_norm="instance"), **SMALL, conv_in=family("kan"), conv_out=family("mlp"))
    assert isinstance(net.conv_in, KANLayer) and isinstance(net.conv_out, nn.Conv2d)
    assert isinstance(net.mid_blocks[0].conv1, nn.Sequential)


@pytest.mark.parametrize("name", ["mlp", "kan"])
def test_middle_is_three_layers_on_tokens_of_their_family(name):
    width, time = 16, 32
    net = UNet(family("mlp"), **SMALL, middle=family(name))
    first, tokens, last = net.mid_blocks
    assert isinstance(first, ResnetBlock2D) and isinstance(last, ResnetBlock2D)
    edges = width * width * 10 if name == "kan" else width * width + width
    rest = 2 * width + (time * width + width) + (9 * width + width) + 2 * width  # norm, time, depthwise and its norm
    assert parameter_count(tokens) == 3 * (edges + rest)
    assert parameter_count(net) == parameter_count(small()) + parameter_count(tokens)


def test_tokens_are_the_pixels_and_a_shortcut_passes_them():
    torch.manual_seed(0)
    block = TokenBlock(family("mlp"), family("kan"), 4, 8, 2).double()
    x, time = torch.randn(2, 4, 3, 5, dtype=torch.float64), torch.randn(2, 8, dtype=torch.float64)
    h = x
    for layer in block.layers:
        rows = nn.functional.layer_norm(h.movedim(1, -1).reshape(-1, 4), (4,))  # a row a pixel
        mixed = layer.linear(rows).view(2, 3, 5, 4).movedim(-1, 1)
        mixed = mixed + layer.time_emb_proj(nn.functional.silu(time)).view(2, 4, 1, 1)
        h = nn.functional.silu(layer.depthwise_norm(layer.depthwise(mixed)))
    torch.testing.assert_close(block(x, time), x + h, rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"conv_norm": "instance"}])
@pytest.mark.parametrize("name", ["mlp", "kan", "fastkan"])
def test_end_gain_makes_the_ends_small_unless_a_norm_undoes_it(name, options):
    torch.manual_seed(0)
    net = UNet(family(name, **options), **SMALL, end_gain=1e-5)
    seen = {}
    for path in ("mid_blocks.0.conv2", "conv_out", "mid_blocks.0.conv1"):
        net.get_submodule(path).register_forward_hook(lambda _, __, out, path=path: seen.update({path: out.std()}))
    net(torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 9, 99, 999]))
    # A norm multiplies by at most the inverse root of its epsilon, 1e-5.
    most = 3e-5 * (1 if not options else 1e5**0.5)
    assert most / 100 < seen["mid_blocks.0.conv2"] < most and most / 100 < seen["conv_out"] < most
    assert seen["mid_blocks.0.conv1"] > 0.02


def test_end_gain_is_xavier_over_all_features_of_a_kan_layer():
    torch.manual_seed(0)
    layer = family("kan", bias=True, scaler=False, conv_norm="batch").conv2d(16, 32, 3)
    nn.init.ones_(layer[0].bias)
    start_small(layer, 0.1)
    bound = 0.1 * math.sqrt(6 / (9 * 16 * 9 + 9 * 32))  # 9 parts a feature, 9 pixels
    for part in (layer[0].base_weight, layer[0].spline_weight):
        assert 0.99 * bound < part.abs().max() <= bound
        assert part.square().mean().item() == pytest.approx(bound**2 / 3, rel=0.05)
    assert not layer[0].bias.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 30}, "channels is 30; it must be even, at least 4 and divisible by groups, here 4"),
        ({"channels": 9, "groups": 3}, "channels is 9; it must be even"),
        ({"end_gain": -1.0}, "end_gain is -1.0; it must be finite and not below 0"),
    ],
)
def test_bad_sizes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        UNet(family("mlp"), **{**SMALL, **options})


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
