"""What variants, scores and samplers of the denoising diffusion are called, and how variants look."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kanpipe.config import effective, load_yaml
from kanpipe.config.kinds import blocks, parsed
from kanpipe.experiments.cifar10_ddim.described import described
from kanpipe.experiments.cifar10_ddim.words import Names, main_fid, sampler_words

ENTRY = effective(load_yaml(Path(__file__).parents[2] / "config.yaml"))["experiments"]["cifar10_ddim"]
NET = {"role": "published", "title": "U-Net", "family": "mlp"}
KAN = {"role": "published", "title": "KAN U-Net", "family": "kan", "spline_order": 2, "conv_norm": "instance"}


def names(variants):
    spec = parsed("cifar10_ddim", blocks(ENTRY | {"variants": variants}, "figures"))
    return Names(pd.DataFrame(described(spec)))


def test_every_configured_variant_has_words_and_a_look_of_its_own():
    found, variants = names(ENTRY["variants"]), ENTRY["variants"]
    assert len({found.title(name) for name in variants}) == len(variants)
    assert all(map(found.differs, variants))
    bases = {found.base(name) for name in variants}
    assert len(set(map(found.look, bases))) == len(bases)
    assert found.baseline() == "kan_unet"


def test_a_variant_without_a_title_is_called_after_its_network_and_what_differs():
    training = {"steps": 10_000, "learning_rate": 0.001}
    found = names({"unet": NET, "slow": {"family": "mlp", "training": training}, "other_one": {"family": "fastkan"}})
    assert found.title("slow") == "U-Net, 10,000 steps, learning rate 0.001"
    assert found.title("other_one") == "other one"


def test_a_title_that_came_with_a_copy_is_told_apart():
    found = names({"kan_unet": KAN, "copy": KAN | {"role": "ablation", "spline_order": 3}, "again": KAN})
    assert found.title("copy") == "KAN U-Net, spline_order 3"
    assert found.title("again") == "KAN U-Net (again)"


def test_another_training_looks_like_its_network():
    steps, usual = ENTRY["training"]["steps"], {"family": "mlp", "role": "ablation"}
    found = names(
        {
            "unet": NET,
            "short": usual | {"training": {"steps": steps // 2, "probe_steps": [0]}},
            "long": usual | {"training": {"steps": steps * 2}},
            "rate": usual | {"training": {"learning_rate": 1.0}},
            "better": usual | {"training": {"decay": "cosine"}},
            "narrow": usual | {"network": {"channels": 32}},
        }
    )
    same = ("short", "long", "rate")
    assert [found.base(name) for name in same] == ["unet"] * 3
    assert {found.look(name) for name in same} == {found.look("unet")}
    assert [name for name in same if found.is_sweep(name)] == ["rate"]
    assert [name for name in same if found.is_long(name)] == ["long"]
    assert [found.base(name) for name in ("better", "narrow")] == ["better", "narrow"]


def test_baselines_have_the_layers_of_the_published_kan():
    narrow = {"network": {"channels": 32}, "training": {"steps": 3, "probe_steps": [0]}}
    found = names({"unet": NET, "kan": KAN, "narrow": KAN | narrow, "degree": KAN | {"spline_order": 3}})
    assert [name for name in ("unet", "kan", "narrow", "degree") if found.is_baseline(name)] == ["kan", "narrow"]
    assert names({"unet": NET}).baseline() is None


def test_what_was_published_belongs_to_published_networks_by_whatever_name():
    found = names({"mine": NET, "yours": KAN, "unet": {"family": "mlp", "network": {"channels": 32}}})
    assert found.published("mine").parameters == 23_220_867
    assert found.published("yours").parameters == 132_531_642
    assert found.published("unet") is None


def test_what_differs_is_said_in_the_words_of_the_configuration():
    bare = {"conv_norm": "none"}
    own = {"family": "kan", "spline_order": 3, "grid_range": [-2, 2], "conv_out": bare, "training": {"steps": 10_000}}
    found = names({"kan": KAN, "own": own})
    assert found.differs("kan") == "family kan, conv_norm instance, spline_order 2"
    said = "grid_range [-2, 2], spline_order 3, conv_out conv_norm none, 10,000 steps, no conv_norm"
    assert sorted(found.differs("own").split(", ")) == sorted(said.split(", "))


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
