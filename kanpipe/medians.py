"""Medians with intervals that hold whatever the distribution, and of how few values there is one."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A median with its quartiles, and the ends of a 95 % interval of it: NaN where there are too few values."""

    median: float
    lower_quartile: float
    upper_quartile: float
    low: float
    high: float
    n: int


def estimate(values: np.ndarray) -> Estimate:
    """The median of independent values (n,) with the interval that the ranks of a sample give.

    The interval reaches from the r-th smallest value to the r-th largest, with the largest r at which it holds the
    true median with probability 1 - 2 P(Binomial(n, 1/2) < r) >= 0.95, whatever the distribution.
    """
    ordered, n = np.sort(values), len(values)
    rank = _rank(n)
    low, high = (ordered[rank - 1], ordered[n - rank]) if rank > 0 else (math.nan, math.nan)
    first, third = np.quantile(ordered, [0.25, 0.75])
    return Estimate(np.median(ordered), first, third, low, high, n)


def missed(n: int) -> float:
    """How often the interval of `n` values misses the true median: NaN where there are too few for one.

    What lies outside the interval has a sign test's p of at most this, so that the values need not be kept for it.
    """
    rank = _rank(n)
    return 2 * float(binom.cdf(rank - 1, n, 0.5)) if rank > 0 else math.nan


def paired_ratio(left: np.ndarray, right: np.ndarray) -> Estimate:
    """How many times as long `left` takes as `right`, from the seconds (rounds,) of both in the same rounds."""
    return estimate(left / right)


def _rank(n: int) -> int:
    """The rank of the interval's lower end; 0 where there is none."""
    return int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))
