"""Networks in pairs: on the same test images seed by seed, and as recipes over their seeds."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
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


def _known(right: Mapping[str, Right], pairs: Pairs) -> list[tuple[str, str]]:
    """The pairs of which both have runs."""
    return [(net, other) for net, other in pairs if right.get(net) and right.get(other)]


def _head(net: str, other: str) -> dict[str, Any]:
    return {"variant": f"{net}_less_{other}", "status": FINISHED, "net": net, "less": other}


def judgements(right: Mapping[str, Right], pairs: Pairs, margin: float) -> Iterator[dict[str, Any]]:
    """A row for each pair: whether their accuracies are the same up to `margin` percentage points.

    `low` and `high` are of the interval of 90 %, that of two one-sided tests at 5 %; `resolvable` is the difference
    that as many runs a side, of this spread, show with a power of 80 %, NaN for fewer than two.
    """
    for net, other in _known(right, pairs):
        found = equivalence(_accuracies(right[net]), _accuracies(right[other]), margin / 100)
        counts = {"n": len(right[net]), "n_less": len(right[other])}
        points = {name: 100 * getattr(found, name) for name in ("difference", "low", "high")}
        judged = {"p_value": found.p_value, "margin": margin, "similar": found.holds()}
        resolvable = {"resolvable": 100 * _resolvable(right[net], right[other])}
        yield _head(net, other) | counts | points | judged | resolvable


def _accuracies(side: Right) -> np.ndarray:
    return np.array([found.mean() for found in side.values()])


def _resolvable(left: Right, right: Right) -> float:
    """The difference, as a fraction, that is found in a further comparison of as many runs as the smaller side has."""
    runs = min(len(left), len(right))
    if runs < 2:
        return math.nan
    accuracies = [_accuracies(side) for side in (left, right)]
    spread = math.sqrt(np.mean([np.var(values, ddof=1) for values in accuracies]))
    same = _mean_agreement(pair for side in (left, right) for pair in combinations(side.values(), 2))
    across = min(same, _mean_agreement(product(left.values(), right.values())))
    images = len(next(iter(left.values())))
    accuracy = float(np.mean([values.mean() for values in accuracies]))
    return resolvable_difference(accuracy, images, runs, seed_spread=spread, same=same, across=across)


def _mean_agreement(pairs: Iterator[tuple[np.ndarray, np.ndarray]]) -> float:
    """The mean over pairs of runs; 0 where no pair has errors to share."""
    found = [value for pair in pairs if not math.isnan(value := agreement(*pair))]
    return float(np.mean(found)) if found else 0.0
