"""How two classifiers compare on one test set, and two recipes over the seeds of their trainings.

Accuracies are fractions, not per cent.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binomtest, nct, norm, t


@dataclass(frozen=True)
class Difference:
    """The accuracy of the left side minus that of the right one, and the ends of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Equivalence:
    """The outcome of two one-sided tests; `low` and `high` are of the interval of confidence 1 - 2 alpha."""

    difference: float
    low: float
    high: float
    p_value: float  # of "the recipes differ by the margin or more"; NaN where the runs tell nothing of their spread

    def holds(self, alpha: float = 0.05) -> bool:
        """Whether the recipes are equivalent at this level; never where there is no p-value."""
        return self.p_value < alpha


def mcnemar(left: np.ndarray, right: np.ndarray) -> float:
    """The exact p-value of "both classifiers are as accurate", from what each reads rightly: bool (n,) both.

    Only the images count that one of the two misreads: each side's are then Binomial(their number, 1/2) (McNemar
    1947). It is about these two trained networks, not about their recipes. 1 where they misread the same images.
    """
    only_left, only_right = _discordant(left, right)
    return float(binomtest(only_left, only_left + only_right).pvalue) if only_left + only_right else 1.0


def paired_difference(left: np.ndarray, right: np.ndarray, confidence: float = 0.95) -> Difference:
    """Accuracy of `left` minus that of `right`, from what each reads rightly: bool (n,) both.

    The interval is Wald's with one image added to either kind of disagreement (Bonett and Price 2012),
    which holds its coverage for the few disagreements of accurate classifiers; the value is the plain difference.
    """
    counts, images = _discordant(left, right), len(left)
    only_left, only_right = ((count + 1) / (images + 2) for count in counts)
    middle = only_left - only_right
    reach = norm.ppf((1 + confidence) / 2) * math.sqrt((only_left + only_right - middle**2) / (images + 2))
    return Difference((counts[0] - counts[1]) / images, float(middle - reach), float(middle + reach))


def agreement(left: np.ndarray, right: np.ndarray) -> float:
    """Correlation over images of what two classifiers read rightly (bool (n,) both): how far they share their errors.

    1 where they misread the same images, about 0 where the images are unrelated; NaN where one makes no error.
    """
    if left.all() or right.all():
        return math.nan
    return float(np.corrcoef(left, right)[0, 1])


def resolvable_difference(spread: float, runs: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest difference of two recipes' accuracies that `runs` seeds a side show with this power.

    `spread` is the standard deviation of the accuracy over seeds, the same on both sides, on one set of test images,
    which the question is about. Accuracies are taken to be normal, and a two-sided t-test with 2 (runs - 1) degrees of
    freedom at `alpha` to compare them. Raises ValueError for fewer than two runs a side, which have no spread.
    """
    if runs < 2:
        raise ValueError(f"runs is {runs}; a side needs at least 2, since one has no spread")
    return spread * math.sqrt(2 / runs) * _detectable(2 * (runs - 1), power, alpha)


def _detectable(freedom: int, power: float, alpha: float) -> float:
    """The mean, in standard errors, that a two-sided t-test with so many degrees of freedom finds with this power.

    Finding it with the wrong sign does not count.
    """
    critical = t.ppf(1 - alpha / 2, freedom)
    return float(brentq(lambda mean: nct.sf(critical, freedom, mean) - power, 0, 2 * critical + 5))


def equivalence(left: np.ndarray, right: np.ndarray, margin: float, alpha: float = 0.05) -> Equivalence:
    """Whether two recipes are as accurate up to `margin`, from the accuracies of their seeds, (n,) and (m,).

    Two one-sided t-tests (Schuirmann 1987) with Welch's degrees of freedom: the p-value is the larger one, of "left is
    worse by the margin or more" and of "left is better by it or more". Equivalence at `alpha` is the same as an
    interval of confidence 1 - 2 alpha within the margins. The seeds are drawn; the test images are taken as they are.
    There is no p-value for fewer than two runs a side, nor where no side has a spread. Raises ValueError for a margin
    that is not above 0.
    """
    if margin <= 0:
        raise ValueError(f"margin is {margin}; it must be above 0")
    difference = float(np.mean(left) - np.mean(right))
    if min(len(left), len(right)) < 2 or max(np.ptp(left), np.ptp(right)) == 0:
        return Equivalence(difference, math.nan, math.nan, math.nan)
    error, freedom = _welch(left, right)
    p_value = max(t.sf((difference + margin) / error, freedom), t.cdf((difference - margin) / error, freedom))
    reach = t.ppf(1 - alpha, freedom) * error
    return Equivalence(difference, float(difference - reach), float(difference + reach), float(p_value))


def _welch(left: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """The standard error of the difference of two means, and its degrees of freedom (Welch 1947)."""
    # scipy's t-test of values that are all alike, as a side's may be, warns of a loss of precision.
    parts = np.array([np.var(values, ddof=1) / len(values) for values in (left, right)])
    freedom = parts.sum() ** 2 / (parts**2 / (len(left) - 1, len(right) - 1)).sum()
    return math.sqrt(parts.sum()), float(freedom)


def _discordant(left: np.ndarray, right: np.ndarray) -> tuple[int, int]:
    """How many images only `left` reads rightly, and how many only `right`; ValueError for other shapes or types."""
    if left.shape != right.shape or left.ndim != 1 or left.dtype != bool or right.dtype != bool:
        raise ValueError(
            f"what both sides read rightly must be bool (n,), not {left.dtype} {left.shape} and "
            f"{right.dtype} {right.shape}"
        )
    return int((left & ~right).sum()), int((right & ~left).sum())
