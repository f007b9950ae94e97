"""Every network against the reference: the same test images seed by seed, and the two recipes over their seeds."""

import math
from collections.abc import Iterator, Mapping
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
COMPARED = ("variant", "seed", "status", "reference", "only_this", "only_reference", "difference", "low", "high")
COMPARED += ("p_value", "agreement")
JUDGED = ("variant", "status", "reference", "n", "n_reference", "difference", "low", "high", "p_value", "margin")
JUDGED += ("similar", "resolvable")


def comparisons(right: Mapping[str, Right], reference: str) -> Iterator[dict[str, Any]]:
    """A row for each network and seed that the reference has too: accuracies in percentage points, McNemar's test."""
    for net, seed in _pairs(right, reference):
        ours, theirs = right[net][seed], right[reference][seed]
        found = paired_difference(ours, theirs)
        yield {
            "variant": net,
            "seed": seed,
            "status": FINISHED,
            "reference": reference,
            "only_this": int((ours & ~theirs).sum()),
            "only_reference": int((theirs & ~ours).sum()),
            "difference": 100 * found.value,
            "low": 100 * found.low,
            "high": 100 * found.high,
            "p_value": mcnemar(ours, theirs),
            "agreement": agreement(ours, theirs),
        }


def _pairs(right: Mapping[str, Right], reference: str) -> list[tuple[str, int]]:
    known = right.get(reference, {})
    return [(net, seed) for net in right if net != reference for seed in right[net] if seed in known]


def judgements(right: Mapping[str, Right], reference: str, margin: float) -> Iterator[dict[str, Any]]:
    """A row for each network: whether its accuracy is that of the reference up to `margin` percentage points.

    `low` and `high` are of the interval of 90 %, that of two one-sided tests at 5 %; `resolvable` is the difference
    that as many runs a side, of this spread, show with a power of 80 %, NaN for fewer than two.
    """
    theirs = right.get(reference, {})
    for net, ours in right.items():
        if net == reference or not theirs or not ours:
            continue
        found = equivalence(*(_accuracies(side) for side in (ours, theirs)), margin / 100)
        yield {
            "variant": net,
            "status": FINISHED,
            "reference": reference,
            "n": len(ours),
            "n_reference": len(theirs),
            "difference": 100 * found.difference,
            "low": 100 * found.low,
            "high": 100 * found.high,
            "p_value": found.p_value,
            "margin": margin,
            "similar": found.holds(),
            "resolvable": 100 * _resolvable(ours, theirs),
        }


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
