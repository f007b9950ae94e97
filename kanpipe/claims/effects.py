"""Effects with their 95 % intervals, from rows of runs.

An effect knows for every value the two-sided p with which the data speak against it, so that a verdict can be had
against any bound. Scores of runs are tables: a row a training, a column a draw of samples where there are several.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import special, stats

from kanpipe.claims.model import ROUND
from kanpipe.medians import missed

LEVEL = 0.95
PAIRS = 3  # that a paired comparison needs; fewer runs than that on a side are preliminary


@dataclass(frozen=True)
class Effect:
    """A measured effect; `of` says what it is, `n` of how many, `noise` what its interval holds."""

    value: float
    low: float
    high: float
    of: str
    n: str
    noise: str = ""
    p: Callable[[float], float] | None = None  # of the effect being this value; none where only the interval is known
    is_ratio: bool = False


@dataclass(frozen=True)
class Mean:
    """A mean with its standard error and degrees of freedom."""

    value: float
    error: float
    degrees: float

    def effect(self, of: str, n: str, noise: str, logarithm: bool = False) -> Effect:
        """The effect by Student's t, without p where all values are alike; of the mean of a logarithm, as a ratio."""
        half = special.stdtrit(self.degrees, (1 + LEVEL) / 2) * self.error
        back, there = (math.exp, math.log) if logarithm else (float, float)

        def p(bound: float) -> float:
            if logarithm and bound <= 0:
                return 0.0
            return self.against(there(bound))

        ends = back(self.value - half), back(self.value + half)
        return Effect(back(self.value), *ends, of, n, noise, p if self.error else None, logarithm)

    def against(self, value: float) -> float:
        """The two-sided p with which the data speak against the mean being `value`; without noise 0 or 1."""
        if not self.error:
            return float(self.value == value)
        return float(2 * special.stdtr(self.degrees, -abs(self.value - value) / self.error))


def mean_of(table: np.ndarray) -> Mean:
    """The mean of trainings x draws, both random and crossed: every training is scored on the same draws.

    With one draw it is the mean of the trainings with its standard error, which one training has not. With more draws
    the error holds their noise too, by the mean squares of a two-way layout, with degrees of freedom after
    Satterthwaite (1946).
    """
    runs, draws = table.shape
    if runs == 1:
        return Mean(float(table.mean()), math.nan, 0)
    if draws == 1:
        return Mean(float(table.mean()), float(table.std(ddof=1)) / math.sqrt(runs), runs - 1)
    of_runs, of_draws, rest = _mean_squares(table)
    squares = max(of_runs + of_draws - rest, of_runs)
    spread = of_runs**2 / (runs - 1) + of_draws**2 / (draws - 1) + rest**2 / ((runs - 1) * (draws - 1))
    degrees = squares**2 / spread if spread else runs - 1
    return Mean(float(table.mean()), math.sqrt(squares / table.size), min(degrees, runs - 1))


def _mean_squares(table: np.ndarray) -> tuple[float, float, float]:
    runs, draws = table.shape
    rows, columns = table.mean(1, keepdims=True), table.mean(0, keepdims=True)
    rest = ((table - rows - columns + table.mean()) ** 2).sum() / ((runs - 1) * (draws - 1))
    return draws * float(rows.var(ddof=1)), runs * float(columns.var(ddof=1)), float(rest)


def level(scores: pd.DataFrame, unit: str = "run") -> Effect:
    """The mean over runs, or over what else a row is a `unit` of."""
    return _of_units(mean_of(scores.to_numpy()).effect("mean", counted(len(scores), unit), _noise(scores, unit)), unit)


def one_more_run(scores: pd.DataFrame) -> Effect:
    """The score of one more training on draws of its own, as the published one was: a prediction interval."""
    table = scores.to_numpy()
    mean = mean_of(table)
    variance = mean.error**2 + table.mean(axis=1).var(ddof=1) if len(table) > 1 else math.nan
    if min(table.shape) > 1:
        _, of_draws, rest = _mean_squares(table)
        variance += max(0.0, of_draws - rest) / table.size
    one = Mean(mean.value, math.sqrt(variance), mean.degrees)
    return one.effect("one more run", counted(len(scores), "run"), _noise(scores, "run"))


def difference(left: pd.DataFrame, right: pd.DataFrame, ratio: bool = False, unit: str = "run") -> Effect:
    """The difference of two means, or the ratio of two geometric means, of tables whose index are the seeds.

    Runs of the same seed share batches and noise, so that they are compared pair by pair where there are three pairs;
    otherwise by Welch (1947), variances not assumed equal.
    """
    design = _design(left, right, unit)
    if ratio:
        effect = _compared(np.log(left), np.log(right)).effect("ratio of geometric means", *design, True)
    else:
        effect = _compared(left, right).effect("difference of means", *design)
    return _of_units(effect, unit)


def ratio_of_times(value: float, low: float, high: float, rounds: int) -> Effect:
    """The median of ratios in so many rounds, which are not kept, with its interval.

    Outside the interval its p is the probability with which the interval misses, the most that a sign test's p can be
    there; inside it is 1.
    """
    outside = missed(rounds)

    def p(bound: float) -> float:
        return 1.0 if low <= bound <= high else outside

    n, noise = counted(rounds, ROUND), "noise of rounds in one process"
    return Effect(value, low, high, "ratio of times", n, noise, p if math.isfinite(low) else None, True)


def _of_units(effect: Effect, unit: str) -> Effect:
    """Without p where a row is a round: more rounds make it ever smaller, and tell nothing of other processes."""
    return replace(effect, p=None) if unit == ROUND else effect


def compared_runs(left: pd.DataFrame, right: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scores that `difference` reads: those of pairs, or all where there are too few of them."""
    seeds, draws = _shared(left, right)
    if not len(seeds):
        return left, right
    return left.reindex(index=seeds, columns=draws), right.reindex(index=seeds, columns=draws)


def _shared(left: pd.DataFrame, right: pd.DataFrame) -> tuple[pd.Index, pd.Index]:
    """The seeds and the draws of which pairs can be made; no seeds where there are too few."""
    seeds, draws = left.index.intersection(right.index), left.columns.intersection(right.columns)
    return (seeds if len(seeds) >= PAIRS and len(draws) else seeds[:0]), draws


def _compared(left: pd.DataFrame, right: pd.DataFrame) -> Mean:
    left, right = compared_runs(left, right)
    if len(_shared(left, right)[0]):
        return mean_of(left.to_numpy() - right.to_numpy())
    ours, theirs = mean_of(left.to_numpy()), mean_of(right.to_numpy())
    if not (ours.degrees and theirs.degrees):
        return Mean(ours.value - theirs.value, math.nan, math.nan)
    squares = ours.error**2, theirs.error**2
    parts = squares[0] ** 2 / ours.degrees + squares[1] ** 2 / theirs.degrees
    degrees = sum(squares) ** 2 / parts if parts else ours.degrees + theirs.degrees
    return Mean(ours.value - theirs.value, math.sqrt(sum(squares)), degrees)


def _design(left: pd.DataFrame, right: pd.DataFrame, unit: str = "run") -> tuple[str, str]:
    """Of how many runs, or of what else a row is one, a comparison is, and what its interval holds."""
    seeds, _ = _shared(left, right)
    if len(seeds) and unit == ROUND:
        return f"{counted(len(seeds), unit)} in turns", f"paired by round; {_noise(left, unit)}"
    if len(seeds):
        return counted(len(seeds), "pair"), f"paired by {'seed' if unit == 'run' else unit}; {_noise(left, unit)}"
    return f"{len(left)} and {counted(len(right), unit)}", f"not paired; {_noise(left, unit)}"


def _noise(scores: pd.DataFrame, unit: str) -> str:
    draws = scores.shape[1]
    if unit == ROUND:
        return "noise of rounds in one process"
    return f"noise of {unit}s" if draws == 1 else f"noise of {unit}s and of {draws} draws"


def counted(number: int, unit: str) -> str:
    """So many of a unit, in words."""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def least(variant: pd.DataFrame, others: Sequence[pd.DataFrame]) -> Effect:
    """The greatest difference of a variant to any of the others: below 0, it is the least of all.

    Its interval reaches from the greatest lower end, at a level shared among the others (Bonferroni), to the greatest
    upper end, which needs no sharing. So no other is picked for having come out least, and then taken at its word.
    It has no p where no difference has noise.
    """
    found = [_compared(variant, other) for other in others]
    shared = special.stdtrit([mean.degrees for mean in found], 1 - (1 - LEVEL) / 2 / len(found))
    lower = [mean.value - quantile * mean.error for mean, quantile in zip(found, shared, strict=True)]

    def p(bound: float) -> float:
        above = [mean.against(bound) for mean in found if mean.value > bound]
        below = [mean.against(bound) for mean in found if mean.value <= bound]
        return min(1.0, len(found) * min(above)) if above else max(below, default=math.nan)

    value, high = max(mean.value for mean in found), max(mean.effect("", "", "").high for mean in found)
    of = f"difference to the best of {len(found)} others"
    noisy = any(mean.error for mean in found)
    return Effect(value, max(lower), high, of, *_design(variant, others[0]), p if noisy else None)


def trend(values: Sequence[float], means: Sequence[float], words: str) -> Effect:
    """Spearman's rank correlation over models, whose p is the share of their permutations with one as large.

    It has no interval. The models are what is permuted: runs of one model are averaged before and count once. Where
    all are tied in one of the rankings it is 0, and its p 1.
    """
    ranks, against = stats.rankdata(values), stats.rankdata(means)
    found = stats.permutation_test(
        (ranks,),
        lambda permuted, axis: _correlation(permuted, against),
        permutation_type="pairings",
        n_resamples=400_000,  # all of nine models
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    p = min(1.0, float(found.pvalue))
    value, n = float(found.statistic), counted(len(means), "model")
    return Effect(value, math.nan, math.nan, "rank correlation", n, words, lambda bound: p)


def _correlation(permuted: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    ours, theirs = permuted - permuted.mean(-1, keepdims=True), fixed - fixed.mean()
    product, size = (ours * theirs).sum(-1), np.sqrt((ours**2).sum(-1) * (theirs**2).sum())
    return np.divide(product, size, out=np.zeros_like(product), where=size > 0)
