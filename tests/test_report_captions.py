"""The captions of Snakemake's report, of every kind at every preset."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from jinja2 import Environment, StrictUndefined

from kanpipe.reporting.entries import entries_of

ROOT = Path(__file__).parents[1]
KINDS = ["cifar10_ddim", "function_fit", "kan_vae", "layer_speed", "mnist_classifiers", "range_init", "swiss_roll"]


def caption(kind: str, preset: str) -> str:
    config = {"experiments": entries_of(preset), "preset": preset}
    snakemake = SimpleNamespace(config=config, params=SimpleNamespace(experiment=kind))
    text = (ROOT / f"workflow/report/{kind}.rst").read_text()
    return " ".join(Environment(undefined=StrictUndefined).from_string(text).render(snakemake=snakemake).split())


@pytest.mark.parametrize("kind", KINDS)
def test_every_caption_says_its_preset_and_whether_that_is_a_small_part(kind):
    assert "Preset *cpu*." in caption(kind, "cpu")
    assert "Preset *quick*, a small part of the published scale." in caption(kind, "quick")


def test_seeds_are_those_of_every_network():
    assert "training seeds 0, 1, 2 (of some networks fewer)." in caption("cifar10_ddim", "cpu")
    assert "training seeds 0, 1, 2." in caption("cifar10_ddim", "paper")
