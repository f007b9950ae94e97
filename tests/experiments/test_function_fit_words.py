"""Networks of the fits in words."""

import pytest

from kanpipe.experiments.function_fit.words import title


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pi_deep_kan", "deep KAN, formula with π"),
        ("plane_deep_kan_3000", "deep KAN, plane, 3,000 points"),
        ("pi_mlp_21", "MLP 21, formula with π"),
        ("shallow_kan", "shallow KAN"),
    ],
)
def test_networks_have_words(name, words):
    assert title(name) == words
