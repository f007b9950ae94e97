"""Networks in pairs: on the same test images seed by seed, and as recipes over their seeds."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kanpipe.evaluation.classifier_comparison import (
    agreement,
    equivalence,
    mcnemar,
    paired_difference,
    resolvable_difference,
)
from kanpipe.runs import FINISHED

Right = Mapping[int, np.ndarray]  # by the seed of a run, what it reads rightly: bool (images,)
Accuracies = Mapping[str, Sequence[float]]  # of the runs of a network, in per cent
Pairs = Sequence[Sequence[str]]  # networks: the one, and what is taken from it
COMPARED = ["variant", "status", "net", "less", "seed", "only_net", "only_less", "difference", "low", "high"]
COMPARED += ["p_value", "agreement"]
JUDGED = ["variant", "status", "net", "less", "n", "n_less", "difference", "low", "high", "p_value", "margin"]
JUDGED += ["similar", "resolvable"]


def comparisons(right: Mapping[str, Right], pairs: Pairs) -> Iterator[dict[str, Any]]:
    """A row for each pair and each seed that both have: accuracies in percentage points, McNemar's test."""
    for net, other in _known(right, pairs):
        for seed in [seed for seed in right[net] if seed in right[other]]:
            ours, theirs = right[net][seed], right[other][seed]
            found = paired_difference(ours, theirs)
            counts = {"only_net": int((ours & ~theirs).sum()), "only_less": int((theirs & ~ours).sum())}
            points = {name: 100 * getattr(found, name) for name in ("low", "high")}
            tests = {"p_value": mcnemar(ours, theirs), "agreement": agreement(ours, theirs)}
            yield _head(net, other) | {"seed": seed, "difference": 100 * found.value} | counts | points | tests


def _known(networks: Mapping[str, Collection], pairs: Pairs) -> list[tuple[str, str]]:
    """The pairs of which both have runs."""
    return [(net, other) for net, other in pairs if len(networks.get(net, ())) and len(networks.get(other, ()))]


def _head(net: str, other: str) -> dict[str, Any]:
    return {"variant": f"{net}_less_{other}", "status": FINISHED, "net": net, "less": other}


def judgements(accuracies: Accuracies, pairs: Pairs, margin: float) -> Iterator[dict[str, Any]]:
    """A row for each pair: whether their accuracies are the same up to `margin` percentage points.

    `low` and `high` are of the interval of 90 %, that of two one-sided tests at 5 %; `resolvable` is the difference
    that as many runs a side, of this spread, show on these images with a power of 80 %, NaN for fewer than two.
    """
    for net, other in _known(accuracies, pairs):
        left, right = (np.asarray(accuracies[name]) / 100 for name in (net, other))
        found = equivalence(left, right, margin / 100)
        points = {name: 100 * getattr(found, name) for name in ("difference", "low", "high")}
        judged = {"p_value": found.p_value, "margin": margin, "similar": found.holds()}
        counts = {"n": len(left), "n_less": len(right)}
        yield _head(net, other) | counts | points | judged | {"resolvable": 100 * _resolvable(left, right)}


def _resolvable(left: np.ndarray, right: np.ndarray) -> float:
    """The difference, as a fraction, that is found in a further comparison of as many runs as the smaller side has."""
    runs = min(len(left), len(right))
    if runs < 2:
        return math.nan
    return resolvable_difference(math.sqrt((np.var(left, ddof=1) + np.var(right, ddof=1)) / 2), runs)
