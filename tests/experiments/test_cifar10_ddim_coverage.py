"""Probes of where the inputs of KAN layers lie."""

import math

import pytest
import torch
from run_records import recorded
from safetensors.torch import save_file
from torch import nn

from kanpipe.diffusion import linear_schedule
from kanpipe.experiments.cifar10_ddim.coverage import coverage_frame, probe, probe_batch
from kanpipe.layers import KANConv2d, KANLinear, family
from kanpipe.machine import Machine
from kanpipe.models import UNet

AROUND = {"linear_norm": "layer", "conv_norm": "instance", "output_activation": "prelu"}
KAN = {"grid_size": 3, "spline_order": 2, "scaler": False}
SMALL = {"channels": 4, "multipliers": (1, 2), "groups": 2}


@pytest.fixture
def machine():
    return Machine(torch.device("cpu"), 1)


@pytest.fixture
def batch(machine):
    x0 = torch.randn(50, 3, 8, 8, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    return probe_batch(x0, linear_schedule(), machine, seed=3, images=16)


def unet(name="kan", ends=None, **options):
    torch.manual_seed(0)
    return UNet(family(name, **options), **SMALL, conv_in=ends, conv_out=ends)


def test_a_layer_says_what_a_count_and_a_sort_of_its_inputs_say():
    model = nn.Sequential(KANLinear(50, 2, grid_size=4, spline_order=2))
    x = torch.randn(40, 50, generator=torch.Generator().manual_seed(0)) * 1.5
    found = probe(model, (x,))
    values = sorted(x.flatten().tolist())
    assert found.pop("0/place") == 0
    expected = {  # steps of 0.5 on [-1, 1]: the support goes on to ±2
        "0/outside_grid": sum(abs(value) > 1 for value in values) / 2000,
        "0/outside_support": sum(abs(value) > 2 for value in values) / 2000,
        "0/low": values[19] + 0.99 * (values[20] - values[19]),  # at 1 % of the way from the first to the last
        "0/high": values[1979] + 0.01 * (values[1980] - values[1979]),
    }
    assert {name: value.item() for name, value in found.items()} == pytest.approx(expected, abs=1e-5)  # float32's ranks


def test_quantiles_of_many_inputs_are_those_of_all_channels_alike():
    """The normal quantile is ±2.326; its error for 65,536 values is 0.015 (sqrt(p (1 - p) / n) / density)."""
    scales = torch.tensor([0.1, 10.0, 1.0, 1.0]).view(4, 1, 1)
    x = torch.randn(32, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    found = probe(KANConv2d(4, 1, 1), (x,))
    assert found["/low"].item() == pytest.approx(-2.326, abs=0.06) and found["/high"].item() == pytest.approx(
        2.326, abs=0.06
    )
    wide = probe(KANConv2d(4, 1, 1), (x * scales,))
    exact = torch.quantile((x * scales)[:8].flatten(), 0.99).item()
    assert wide["/high"].item() == pytest.approx(exact, rel=0.05)


def test_every_kan_layer_of_a_unet_is_probed_in_its_place(batch):
    net = unet(**KAN, **AROUND)
    found = probe(net, batch)
    assert all(value.dtype == torch.float32 and value.shape == () for value in found.values())
    layers = {name.rpartition("/")[0] for name in found}
    convs, linears = 2 + 2 * 8 + 5 + 1, 2 + 8  # ends, blocks, shortcuts, upsampling; of times and blocks
    assert len(layers) == convs + linears and {"conv_in", "conv_out", "time_embedding.2", "up_blocks.0.conv1"} <= layers
    assert found["time_embedding.0/place"] == 0 and found["conv_in/place"] == 2
    assert found["conv_out/place"] == convs + linears  # the downsampling counts
    x = batch[0]
    assert found["conv_in/outside_grid"].item() == pytest.approx((x.abs() > 1).float().mean().item())
    assert found["conv_in/slope"] == 0.25


def test_what_bases_see_is_normalised(batch):
    found = probe(unet(**KAN, input_norm="layer", grid_range=(-3.0, 3.0)), batch)
    lows = torch.stack([value for name, value in found.items() if name.endswith("/low")])
    assert len(lows) == 34 and lows.min() > -4


def test_ordinary_nets_have_slopes_where_they_have_prelus_and_nothing_else(batch):
    assert probe(unet("mlp"), batch) == {}
    ends = family("mlp", conv_norm="instance", output_activation="prelu")
    found = probe(unet("mlp", ends=ends), batch)
    assert set(found) == {f"{end}/{what}" for end in ("conv_in", "conv_out") for what in ("slope", "place")}
    assert found["conv_out/slope"] == 0.25


def test_probing_leaves_the_model_as_it_is(batch):
    net = unet(**KAN, conv_norm="batch", output_activation="prelu").train()
    modes = [module.training for module in net.modules()]
    before, random = {k: v.clone() for k, v in net.state_dict().items()}, torch.get_rng_state()
    first, second = probe(net, batch), probe(net, batch)
    assert [module.training for module in net.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random) and all(torch.equal(first[k], second[k]) for k in first)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_probing_does_not_make_a_compiled_step_compile_again():
    net = nn.Sequential(family("kan", **KAN, **AROUND).linear(3, 2), nn.Dropout(0.5))
    x = torch.linspace(-1, 1, 12).view(4, 3)
    compiled = torch.compile(lambda: net(x).sum(), fullgraph=True, backend="eager")
    compiled()
    probe(net, (x,))
    with torch.compiler.set_stance("fail_on_recompile"):
        compiled()


def test_batch_is_a_function_of_the_seed_and_noisy_by_its_time(machine):
    x0 = torch.ones(20, 3, 8, 8)
    x, t = probe_batch(x0, linear_schedule(), machine, seed=1, images=200)
    again, other = (probe_batch(x0, linear_schedule(), machine, seed=seed, images=200)[0] for seed in (1, 2))
    assert torch.equal(x, again) and not torch.allclose(x, other)
    assert 0 <= t.min() < 30 and 970 < t.max() <= 999
    mean = linear_schedule().alpha_bar[t + 1].sqrt()  # of an image of ones
    deviation = (x.mean((1, 2, 3)) - mean) / ((1 - mean**2) / 192).sqrt()
    assert deviation.abs().max() < 4.5 and deviation.std().item() == pytest.approx(1, abs=0.2)


def test_rows_come_back_from_a_run_in_the_order_of_the_net(tmp_path, batch):
    net = unet("kan", ends=family("mlp", output_activation="prelu"), **KAN)
    kept = {f"{step}/{name}": value for step in (0, 200, 1000) for name, value in probe(net, batch).items()}
    save_file(kept, tmp_path / "snapshots.safetensors")
    rows = coverage_frame(recorded(tmp_path, kind="cifar10_ddim", variant="bare", seed=4))
    assert [row["step"] for row in rows] == sorted(row["step"] for row in rows) and len(rows) == 3 * 34
    first = [row for row in rows if row["step"] == 0]
    assert [row["layer"] for row in first][:3] == ["time_embedding.0", "time_embedding.2", "conv_in"]
    assert [row["place"] for row in first] == sorted(row["place"] for row in first)
    conv_in, conv1 = first[2], next(row for row in first if row["layer"] == "down_blocks.0.conv1")
    assert conv_in["slope"] == 0.25 and math.isnan(conv_in["outside_grid"])
    assert math.isnan(conv1["slope"]) and 0 < conv1["outside_grid"] < 1
    assert (conv1["variant"], conv1["seed"], conv1["step"]) == ("bare", 4, 0)
