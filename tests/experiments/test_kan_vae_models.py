"""KAN-VAE: the sizes of the configured autoencoders."""

from pathlib import Path

import pytest

from kanpipe.config import effective, kinds, load_yaml
from kanpipe.experiments import stage
from kanpipe.experiments.kan_vae.published import PARAMETERS
from kanpipe.models import parameter_count

COUNTS = PARAMETERS | {
    # ten an edge, two layers of 35 x 35 more
    "kan_vae_h35_h35_z15": 564_550 + 2 * 10 * 35 * 35,
    # the first layer with one parameter an edge and a bias
    "kan_vae_h35_z15_affine": 564_550 - 9 * 784 * 35 + 35,
    "kan_vae_h400_z20_affine": 6_512_000 - 9 * 784 * 400 + 400,
}


@pytest.fixture(scope="module")
def counts():
    config = effective(load_yaml(Path(__file__).parents[2] / "config.yaml"))
    models = stage("kan_vae", "models")(
        kinds.parsed("kan_vae", kinds.blocks(config["experiments"]["kan_vae"], "models"))
    )
    return {name: parameter_count(model) for name, model in models.items()}


def test_configured_variants_have_the_reported_parameters(counts):
    assert {name: counts[name] for name in COUNTS} == COUNTS


@pytest.mark.parametrize(
    ("control", "kan"),
    [
        ("vae_h99_z5", "kan_vae_h10_z5"),
        ("vae_h199_z10", "kan_vae_h20_z10"),
        ("vae_h349_z15", "kan_vae_h35_z15"),
        ("vae_h3995_z20", "kan_vae_h400_z20"),
        ("vae_h400_z20", "kan_vae_h40_z20"),
    ],
)
def test_ordinary_controls_have_about_the_parameters_of_a_kan_vae(counts, control, kan):
    assert counts[control] == pytest.approx(counts[kan], rel=0.005)  # the width is a whole number


@pytest.mark.parametrize(("size", "h", "z"), [("h35_z15", 35, 15), ("h400_z20", 400, 20)])
def test_other_bases_have_their_eight_functions_an_edge(counts, size, h, z):
    edges = 2 * 784 * h + 3 * h * z
    inputs, outputs = 784 + 2 * h + z + h, h + 2 * z + h + 784
    # beside them: FastKAN one base weight an edge, biases and LayerNorms; FasterKAN LayerNorms
    assert counts[f"fastkan_vae_{size}"] == 9 * edges + outputs + 2 * inputs
    assert counts[f"fasterkan_vae_{size}"] == 8 * edges + 2 * inputs
