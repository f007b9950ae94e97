"""What variants, scores and samplers of the CIFAR-10 DDIM are called, and how variants look."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kanpipe.config import effective, load_yaml
from kanpipe.experiments.cifar10_ddim.words import (
    CHANGES,
    STYLES,
    TITLES,
    base,
    change,
    is_sweep,
    main_fid,
    sampler_words,
    style,
    title,
)

CONFIG = effective(load_yaml(Path(__file__).parents[2] / "config.yaml"))["experiments"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unet", "U-Net"),
        ("kan_unet", "KAN U-Net (published)"),
        ("unet_lr_1e_3", "U-Net, learning rate 1e-3"),
        ("kan_unet_repaired_lr_5e5", "Repaired KAN U-Net, learning rate 5e-5"),
        ("unet_lr_0_001", "U-Net, learning rate 0.001"),
        ("kan_unet_short", "KAN U-Net (published), fewer steps"),
        ("kan_unet_repaired_small_long", "Repaired KAN U-Net, U-Net's size, more steps"),
        ("my_kan_unet", "my KAN unet"),
    ],
)
def test_titles(name, words):
    assert title(name) == words


def test_every_configured_variant_is_described():
    variants = CONFIG["cifar10_ddim"]["variants"]
    assert {base(name) for name in variants} == set(TITLES)
    assert len({title(name) for name in variants}) == len(variants)
    assert all(map(change, variants))


def test_what_has_a_title_has_a_description_and_a_look_of_its_own():
    assert set(TITLES) == set(CHANGES) == set(STYLES)
    for table in (TITLES, CHANGES, STYLES):
        assert len(set(table.values())) == len(table)


@pytest.mark.parametrize("name", ["unet_lr_1e_3", "unet_short", "unet_long"])
def test_another_training_looks_like_its_base(name):
    assert base(name) == "unet"
    assert style(name) == style("unet")
    assert is_sweep(name) == ("_lr_" in name)
    assert base("unet_improved") == "unet_improved"
    assert change("unet_short") == f"{CHANGES['unet']}; fewer steps"
    assert change("unet_long") == f"{CHANGES['unet']}; more steps"


def test_the_distance_of_the_source_comes_first_where_it_was_measured():
    runs = pd.DataFrame({"status": ["finished", "diverged"], "efficientnet_fid": [3.0, 1.0], "fid_64": [1.0, 1.0]})
    assert main_fid(runs) == "fid_64"
    assert main_fid(runs.assign(fid_768=[2.0, np.nan], fid_2048=[np.nan, 5.0])) == "fid_768"  # the other has diverged
    assert main_fid(runs[["status"]]) is None


@pytest.mark.parametrize(
    ("timesteps", "count", "eta", "words"),
    [
        ("quadratic", 20, 0.0, "DDIM with 20 quadratic times"),
        ("uniform", 50, 1.0, "DDIM with 50 uniform times, eta 1"),
        ("ancestral", 1000, np.nan, "ancestral, 1,000 times"),
    ],
)
def test_samplers(timesteps, count, eta, words):
    assert sampler_words(pd.Series({"timesteps": timesteps, "count": count, "eta": eta})) == words
