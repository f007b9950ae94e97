"""How seeds are told in words."""

from types import SimpleNamespace

import pandas as pd

from kanpipe.reporting.variants import Variant, of_first_seeds, seeds, seeds_of


def variant(name: str, *numbers: int) -> Variant:
    return Variant(name, [SimpleNamespace(seed=seed) for seed in numbers], pd.DataFrame())


def test_network_that_is_shown_with_another_seed_is_named():
    same = [variant("kan", 0, 1), variant("mlp", 0), variant("diverged")]
    assert of_first_seeds(same) == "training seed 0"
    assert of_first_seeds([*same, variant("small_kan", 2, 3)]) == "training seed 0 (2 of small KAN)"
    assert of_first_seeds([*same, variant("small_kan", 2)], str.upper) == "training seed 0 (2 of SMALL_KAN)"
    assert of_first_seeds([variant("diverged")]) == "no finished training"


def test_numbers_of_seeds_that_differ_are_a_range():
    assert [seeds(1), seeds(3), seeds(3, 3), seeds(1, 3)] == ["1 seed", "3 seeds", "3 seeds", "1 to 3 seeds"]
    rows = pd.DataFrame({"variant": ["a", "a", "a", "b"], "seed": [0, 1, 1, 0]})
    assert seeds_of(rows) == "1 to 2 seeds"
