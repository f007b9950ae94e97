"""Widths of equal size, against those of the configuration and by brute force."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from snakemake.utils import update_config
from torch import nn

from kanpipe.config import effective, load_yaml
from kanpipe.config.kinds import parsed
from kanpipe.errors import UserError
from kanpipe.experiments import stage
from kanpipe.experiments.plan import Plan
from kanpipe.layers.families import family
from kanpipe.matching import Match, match_operations, match_parameters, match_step_time
from kanpipe.models import FullyConnected, parameter_count

CONFIG = effective(load_yaml(Path(__file__).parents[1] / "config.yaml"))["experiments"]
PAIRS = [  # experiment, the network of ordinary layers, and the KAN, or number, that it is as large as
    ("swiss_roll", "mlp_as_kan", "kan"),
    ("swiss_roll", "mlp_as_small_kan", "small_kan"),
    ("range_init", "mlp", "pykan_range_4"),
    ("mnist_classifiers", "raw_mlp_wide", "raw_kan"),
    ("mnist_classifiers", "lean_mlp", "lean_fasterkan"),
    ("kan_vae", "vae_h99_z5", "kan_vae_h10_z5"),
    ("kan_vae", "vae_h199_z10", "kan_vae_h20_z10"),
    ("kan_vae", "vae_h349_z15", "kan_vae_h35_z15"),
    ("function_fit", "mlp_7", 92),
    ("function_fit", "mlp_10", 169),
    ("function_fit", "mlp_21", 609),
]


def network(experiment, settings):
    """The network of a variant."""
    blocks = {"problem": CONFIG[experiment]["problem"], "variants": {"one": settings}}
    return stage(experiment, "models")(parsed(experiment, blocks))["one"]


@pytest.mark.parametrize(("experiment", "name", "like"), PAIRS)
def test_widths_of_the_configuration_are_found(experiment, name, like):
    variants = CONFIG[experiment]["variants"]
    settings = variants[name]
    key = "hidden" if "hidden" in settings else "widths"
    widths = settings[key] if key == "hidden" else settings[key][1:-1]
    parts = [width // min(widths) for width in widths]

    def build(width):
        wide = [part * width for part in parts]
        return network(experiment, settings | {key: wide if key == "hidden" else [4, *wide, 1]})

    wanted = like if isinstance(like, int) else network(experiment, variants[like])
    assert match_parameters(build, wanted).width == min(widths)


def mlp(width):
    return FullyConnected(family("mlp"), [784, width, 10])


def test_nearest_is_the_nearest_of_all_widths():
    sizes = {width: parameter_count(mlp(width)) for width in range(1, 40)}
    for target in range(800, 30_000, 397):
        found = match_parameters(mlp, target)
        assert abs(found.value - target) == min(abs(size - target) for size in sizes.values())
        assert found == Match(found.width, sizes[found.width], target)
    assert match_parameters(mlp, 1).width == 1
    assert match_parameters(mlp, 1590).excess == pytest.approx(10 / 1590)


def test_width_that_cannot_be_is_told():
    with pytest.raises(ValueError, match="even at a width of 16,777,216 the size is 6, below 7"):
        match_parameters(lambda width: nn.Linear(2, 2), 7)


def test_operations_are_those_of_the_products():
    kan, x = FullyConnected(family("kan"), [784, 64, 10]), torch.randn(32, 784)
    found = match_operations(mlp, kan, x)
    # A KAN layer multiplies by 9 weights an edge, and has no biases.
    assert found.target == 32 * 64 * (784 + 10) * 9
    assert found.value == 32 * found.width * (784 + 10) and found.width == 64 * 9
    assert kan.net[0].base_weight.device.type == "cpu"


def test_counting_takes_few_trials_and_no_memory():
    tried = []

    def wide(width):
        tried.append(width)
        return FullyConnected(family("kan"), [2**14, width, width])

    x = torch.empty(8, 2**14, device="meta")
    for find in (lambda: match_parameters(wide, 10**13), lambda: match_operations(wide, 10**14, x)):
        tried.clear()
        found = find()
        assert abs(found.excess) < 1e-5  # of forty terabytes in float32
        assert len(tried) < math.log2(found.width)  # as many as halving an interval takes


def test_step_time_is_matched_by_the_ratios_of_rounds(monkeypatch):
    """Of times that grow with the width, from a machine that is three times as slow in every second round."""
    taken = []

    def timed(pieces, stopwatch, rounds, block_seconds):
        slow = np.where(np.arange(rounds) % 2, 3.0, 1.0)
        return {"other": slow * taken[-1], "own": slow * 16}

    def square(width):
        taken.append(width)
        return nn.Linear(2, width)

    monkeypatch.setattr("kanpipe.evaluation.timing.interleaved", timed)
    found = match_step_time(square, nn.Linear(2, 16), torch.randn(4, 2), rounds=15)
    assert found.width == 16 and found.excess == 0
    assert found.target == 16  # of the median round


def planned(experiment, variants, **changes):
    """The plan of an entry of the configuration with these variants more."""
    config = load_yaml(Path(__file__).parents[1] / "config.yaml")
    entry = config["experiments"][experiment]
    config["experiments"] = {experiment: entry}
    update_config(entry, {"variants": variants} | changes)
    return Plan(experiment, effective(config)["experiments"][experiment])


AS_KAN = {"family": "mlp", "hidden": [1, 1, 1], "match": {"variant": "kan", "by": "parameters"}}


def test_configuration_asks_for_the_width_and_trains_what_it_would_without():
    plan = planned("swiss_roll", {"mine": AS_KAN})
    assert plan.variant("mine") == {"family": "mlp", "hidden": [103, 103, 103]}
    assert plan.training_code("mine") == plan.training_code("mlp_as_kan")
    assert plan.matched == {"mine": "kan"}


def test_variant_that_is_left_out_can_be_matched():
    plan = planned("swiss_roll", {"mine": AS_KAN}, only={"variants": ["mine"]})
    assert list(plan.settings["variants"]) == ["mine"] and plan.variant("mine")["hidden"] == [103] * 3


HEAD = {"extractor": "lean", "head": "mlp", "hidden": [8, 4, 2, 1]}
FIT = {"family": "mlp", "widths": [4, 1, 1, 1], "activation": "tanh", "target": "exp_sin", "samples": 9}


@pytest.mark.parametrize(
    ("experiment", "settings", "like", "key", "found"),
    [
        ("mnist_classifiers", HEAD, "lean_fasterkan", "hidden", [560, 280, 140, 70]),
        ("function_fit", FIT, "deep_kan", "widths", [4, 21, 21, 1]),
    ],
)
def test_proportions_are_kept_and_ends_stay(experiment, settings, like, key, found):
    assert planned(experiment, {"mine": settings | {"match": {"variant": like}}}).variant("mine")[key] == found


@pytest.mark.slow
def test_unet_has_the_channels_that_fit():
    own = {"family": "kan", "scaler": False, "network": {"groups": 10, "channels": 10}}
    plan = planned("cifar10_ddim", {"mine": own | {"match": {"variant": "unet"}}})
    channels = plan.variant("mine")["network"]["channels"]
    near = {n: own | {"network": {"groups": 10, "channels": n}} for n in (channels - 10, channels, channels + 10)}
    sizes = {n: parameter_count(network("cifar10_ddim", settings)) for n, settings in near.items()}
    assert min(sizes, key=lambda n: abs(sizes[n] - 23_220_867)) == channels


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (AS_KAN | {"match": {"variant": "kann"}}, ".variant: there is no variant kann; choose one of mlp, kan, "),
        (AS_KAN | {"match": {"variant": "mine"}}, ".variant: mine is itself as large as another; name that one"),
        (AS_KAN | {"match": {"variant": "kan", "by": "colour"}}, ".by: 'colour' is not one of ['parameters']"),
        (AS_KAN | {"hidden": [9000]}, ": no width fits: the nearest has "),
        (AS_KAN | {"hidden": []}, ": no width fits (even at a width of 16,777,216 the size is "),
    ],
)
def test_match_that_cannot_be_is_told(settings, words):
    with pytest.raises(UserError) as refusal:
        planned("swiss_roll", {"mine": settings})
    assert str(refusal.value).startswith("experiments.swiss_roll.variants.mine.match" + words)
