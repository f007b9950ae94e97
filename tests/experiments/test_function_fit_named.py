"""The names of the edges of a deep KAN."""

import pytest
import torch

from kanpipe.experiments.function_fit.named import edge_names, is_found
from kanpipe.experiments.function_fit.networks import KAN

FOUND = [["square"] * 4, ["sin", "sin"], ["exp"]]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (FOUND, True),
        ([["square"] * 4, ["sin", "bell"], ["exp"]], False),
        ([["square", "linear"], ["sin", "sin"], ["exp"]], False),
        ([[], ["sin"], ["exp"]], False),
    ],
)
def test_composition_is_found_where_all_edges_in_use_are_named_right(names, found):
    assert is_found(names) == found


def test_untrained_network_has_not_found_it(draw):
    network = KAN([4, 2, 1, 1], grid_size=5)
    x = 2 * torch.rand((300, 4), generator=draw, dtype=torch.float64) - 1
    names = edge_names(network, x)
    assert [len(own) <= count for own, count in zip(names, (8, 2, 1), strict=True)] == [True] * 3
    assert not is_found(names)
