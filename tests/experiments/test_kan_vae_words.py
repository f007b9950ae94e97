"""What variants are called, and how their kinds look."""

from pathlib import Path

import pytest
import yaml

from kanpipe.config import kinds
from kanpipe.experiments.kan_vae.words import KINDS, kind, title

EXPERIMENTS = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())["experiments"]
CONFIG, CAUSES = (
    kinds.parsed("kan_vae", {"variants": EXPERIMENTS[name]["variants"]}).variants
    for name in ("kan_vae", "kan_vae_causes")
)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vae_h400_z20", "VAE"),
        ("kan_vae_h400_z20", "KAN-VAE*"),
        ("kan_vae_h35_z15", "KAN-VAE**"),
        ("vae_h99_z5", "VAE 784–99–5"),
        ("kan_vae_h50_z10", "KAN-VAE 784–50–10"),
        ("kan_vae_h35_h35_z15", "KAN-VAE 784–35–35–15"),
        ("kan_vae_h35_z15_affine", "KAN-VAE**, ordinary first layer"),
        ("kan_vae_h35_z15_affine_lr_1e_3", "KAN-VAE**, ordinary first layer, learning rate 0.001"),
        ("vae_h349_z15_lr_5e_4", "VAE 784–349–15, learning rate 0.0005"),
        ("fasterkan_vae_h400_z20", "FasterKAN-VAE 784–400–20"),
        ("my_kan_vae", "my KAN VAE"),
    ],
)
def test_titles(name, words):
    assert title(name) == words


def test_every_configured_variant_has_a_title_and_a_kind_of_its_own():
    for names in (CONFIG, CAUSES):
        titles = {title(name) for name in names}
        assert len(titles) == len(names) and not any("_" in words or " vae" in words for words in titles)
    found = {name: kind(variant) for name, variant in CONFIG.items()}
    assert set(found.values()) == set(KINDS)
    assert found["kan_vae_h35_z15_affine"] == "KAN, ordinary first layer"
    assert found["kan_vae_h35_h35_z15"] == "KAN, one hidden layer more"
    assert found["vae_h99_z5"] == "ordinary"


def test_kinds_look_different():
    assert (
        len(set(KINDS.values()))
        == len({hue for hue, _ in KINDS.values()})
        == len({shape for _, shape in KINDS.values()})
    )
