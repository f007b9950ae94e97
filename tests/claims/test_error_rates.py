"""Intervals cover, and verdicts err, as often as they say: on draws from populations that are known.

With 4,000 draws the deviation of a rate of 5 % is 0.35 points, and of 2.5 % it is 0.25: bounds here are four away.
"""

import math
from functools import cache

import numpy as np
import pandas as pd
import pytest

from kanpipe.claims import effects
from kanpipe.claims.judge import holm, read, tight
from kanpipe.medians import paired_ratio

DRAWS = 4000
FEWER = 2000  # of what takes longer: deviations are 0.5 and 0.35 points
FAMILIES = 1000  # deviations are 0.7 points
NEAR, NEAR_END = 0.014, 0.01  # four deviations, of both ends of an interval and of one
HOLDS, FAILS, OPEN = range(3)


def runs(values) -> pd.DataFrame:
    return pd.DataFrame(np.reshape(values, (len(values), -1)))


@cache
def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(DRAWS, *shape))


def rates(found: list[effects.Effect], bounds: tuple[float, float]) -> list[float]:
    """How often a claim with these bounds holds, fails, and is left open."""
    readings = [read(effect, bounds)[0] for effect in found]
    return [readings.count(reading) / len(readings) for reading in (HOLDS, FAILS, OPEN)]


def crossed(seed: int, trainings: int, draws: int, own: float, shared: float, rest: float) -> np.ndarray:
    """Scores with noise of trainings, of draws that all trainings share, and of either pair."""
    return (
        own * normal(seed, trainings, 1)
        + shared * normal(seed + 1, 1, draws)
        + rest * normal(seed + 2, trainings, draws)
    )


@pytest.mark.parametrize("draws", [1, 5])
def test_interval_of_a_mean_covers_it(draws):
    found = [effects.level(runs(table)) for table in normal(0, 4, draws)]
    covered = np.mean([effect.low <= 0 <= effect.high for effect in found])
    assert covered == pytest.approx(0.95, abs=NEAR) if draws == 1 else covered > 0.94


@pytest.mark.parametrize("parts", [(1, 1, 0.2), (1, 0.5, 1), (0.3, 1, 0.3)])
def test_noise_of_draws_that_trainings_share_is_in_the_interval(parts):
    tables = crossed(3, 5, 5, *parts)
    found = [effects.mean_of(table).effect("", "", "") for table in tables]
    assert np.mean([effect.low <= 0 <= effect.high for effect in found]) > 0.93
    blind = [effects.mean_of(table.mean(axis=1, keepdims=True)).effect("", "", "") for table in tables]
    covered = np.mean([effect.low <= 0 <= effect.high for effect in blind])
    assert covered < (0.93 if parts[1] >= parts[0] else 0.95), "averages over draws alone do not know of it"


@cache
def pairs(seeds: int = 4) -> list[effects.Effect]:
    """Two nets that are as good, and share much of their noise."""
    shared, left, right = 3 * normal(6, seeds), 0.5 * normal(7, seeds), 0.5 * normal(8, seeds)
    return [
        effects.difference(runs(common + one), runs(common + other))
        for common, one, other in zip(shared, left, right, strict=True)
    ]


def rates_at(difference: float, low: float, high: float) -> list[float]:
    """The rates of a claim when the truth is this difference: its bounds are moved instead of all draws."""
    return rates(pairs(), (low - difference, high - difference))


@pytest.mark.parametrize(
    ("difference", "bounds", "wrong"),
    [
        (0.0, (0.0, math.inf), HOLDS),  # above, and they are the same
        (0.0, (0.0, math.inf), FAILS),
        (2.0, (-math.inf, 2.0), HOLDS),  # not above by more than 2, and it is so at the edge
        (2.0, (-2.0, 2.0), HOLDS),  # equal up to 2, and it is so at the edge
        (2.0, (-2.0, 2.0), FAILS),
    ],
)
def test_wrong_verdict_at_a_bound_is_as_rare_as_one_end_of_the_interval(difference, bounds, wrong):
    assert rates_at(difference, *bounds)[wrong] == pytest.approx(0.025, abs=NEAR_END)


def test_right_verdicts_are_found():
    assert rates_at(5.0, 0.0, math.inf)[HOLDS] > 0.98
    assert rates_at(0.0, -5.0, 5.0)[HOLDS] > 0.98, "equality can be shown"
    assert rates_at(0.0, -math.inf, 5.0)[HOLDS] > 0.98, "and so can being no worse"
    assert rates_at(9.0, -2.0, 2.0)[FAILS] > 0.98


def test_without_pairs_an_interval_covers_too():
    left, right = normal(9, 3), 3 * normal(10, 5)
    found = [
        effects.difference(runs(one), runs(other).rename(lambda seed: seed + 10))
        for one, other in zip(left, right, strict=True)
    ]
    assert rates(found, (0.0, math.inf))[OPEN] == pytest.approx(0.95, abs=NEAR)


@pytest.mark.parametrize("apart", [0, 10])
def test_interval_of_a_ratio_of_geometric_means_covers_it(apart):
    """Paired by seed, and not: scores that are lognormal, of which one side is three times the other."""
    shared, left, right = 2 * normal(30, 5) * (apart == 0), 0.5 * normal(31, 5), 0.5 * normal(32, 5)
    found = [
        effects.difference(
            runs(3 * np.exp(common + one)), runs(np.exp(common + other)).rename(lambda s: s + apart), True
        )
        for common, one, other in zip(shared, left, right, strict=True)
    ]
    holds, fails, still_open = rates(found, (3.0, math.inf))
    assert still_open == pytest.approx(0.95, abs=NEAR)
    assert (holds, fails) == pytest.approx((0.025, 0.025), abs=NEAR_END)
    assert np.mean([effect.low <= 3 <= effect.high for effect in found]) == pytest.approx(still_open)


def test_share_of_starts_has_the_noise_of_runs():
    """Every run has a chance of its own, on average 0.6: starts counted one by one would say too much."""
    chances = np.random.default_rng(33).beta(3, 2, (DRAWS, 10, 1))
    starts = np.random.default_rng(34).random((DRAWS, 10, 24)) < chances
    found = [effects.level(runs(shares)) for shares in starts.mean(axis=2)]
    holds, fails, _ = rates(found, (0.6, math.inf))
    assert 0.95 - NEAR < np.mean([effect.low <= 0.6 <= effect.high for effect in found]) < 0.97
    assert max(holds, fails) < 0.05
    all_starts = starts.reshape(DRAWS, -1).mean(axis=1)
    half = 1.96 * np.sqrt(all_starts * (1 - all_starts) / 240)
    assert np.mean(np.abs(all_starts - 0.6) <= half) < 0.8


@pytest.mark.parametrize("rounds", [6, 15])
def test_ratio_of_times_errs_less_often_than_it_says(rounds):
    """One piece takes twice as long as another, both with noise of rounds, and some rounds take far longer."""
    slow = 1 + 5 * (np.random.default_rng(35).random((DRAWS, rounds)) < 0.1)
    left, right = (slow * np.exp(0.05 * normal(seed, rounds)) for seed in (36, 37))
    times = [paired_ratio(2 * one, other) for one, other in zip(left, right, strict=True)]
    found = [effects.ratio_of_times(time.median, time.low, time.high, rounds) for time in times]
    holds, fails, still_open = rates(found, (2.0, math.inf))
    assert max(holds, fails) < 0.025 + NEAR_END and still_open < 1
    assert rates(found, (1.5, math.inf))[HOLDS] > 0.98 and rates(found, (2.5, math.inf))[FAILS] > 0.98


@pytest.mark.parametrize("parts", [(1, 1, 0.2), (0.3, 1, 0.3)])
def test_paired_interval_covers_with_several_draws_a_run(parts):
    """Pairs share noise of their seed and of their draws; what is left of either differs from side to side."""
    both = crossed(40, 5, 4, 2, 2, 0)
    left, right = both + crossed(43, 5, 4, *parts), both + crossed(46, 5, 4, *parts)
    found = [effects.difference(runs(one), runs(other)) for one, other in zip(left, right, strict=True)][:FEWER]
    assert np.mean([effect.low <= 0 <= effect.high for effect in found]) > 0.93
    holds, fails, _ = rates(found, (0.0, math.inf))
    assert max(holds, fails) < 0.025 + 2 * NEAR_END, "verdicts err as rarely at either end"
    assert np.mean([effect.high - effect.low for effect in found]) < 8, "what pairs share is not in it"


@cache
def family(real: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """p of six primary claims, before and after the correction: the first `real` are true, the last was not run.

    One is a ratio of times, whose p is that of its interval or 1.
    """
    truth = np.array([3.0] * real + [0.0] * (4 - real))
    tables = normal(50, 4, 5)[:FAMILIES] + truth[:, None]
    ratios = (paired_ratio(*np.exp(0.05 * pair)) for pair in normal(51, 2, 7)[:FAMILIES])
    times = (effects.ratio_of_times(found.median, found.low, found.high, 7) for found in ratios)
    rows = [
        [*(effects.level(runs(values)).p(0.0) for values in table), time.p(1.0), math.nan]
        for table, time in zip(tables, times, strict=True)
    ]
    return pd.DataFrame(rows), pd.DataFrame([holm(pd.Series(row)) for row in rows])


@pytest.mark.parametrize("real", [0, 2])
def test_in_a_family_any_wrong_verdict_is_as_rare_as_one_alone(real):
    before, after = (table.loc[:, real:] < 0.05 for table in family(real))
    assert after.any(axis=1).mean() < 0.05 + 2 * NEAR
    assert before.any(axis=1).mean() > 0.1, "uncorrected it is not"
    assert not after[5].any() and not (after & ~before).any(axis=None)


def test_correction_leaves_most_true_effects():
    _, after = family(2)
    assert (after[[0, 1]] < 0.05).mean().min() > 0.7


@pytest.mark.parametrize(("noise", "rate"), [(0.01, 0.95), (1.0, 0.0)])
def test_effect_on_the_bound_is_borderline_where_its_interval_is_narrow(noise, rate):
    """Of bounds at 3 an interval narrower than 0.3 is tight; the others leave the claim open without saying more."""
    found = [effects.level(runs(3 + noise * values)) for values in normal(52, 5)]
    bounds = 3.0, math.inf
    borderline = [read(effect, bounds)[0] == OPEN and tight(effect, bounds) for effect in found]
    assert np.mean(borderline) == pytest.approx(rate, abs=NEAR)
    assert rates(found, bounds)[OPEN] == pytest.approx(0.95, abs=NEAR)


@pytest.mark.parametrize(("draws", "shared"), [(1, 0.0), (4, 0.5)])
def test_a_published_run_of_the_same_kind_is_rarely_told_apart(draws, shared):
    tables = crossed(11, 5, draws, 1, shared, 0.3)
    published = normal(14) + shared * normal(15, draws).mean(1) + 0.3 * normal(16, draws).mean(1)
    found = [effects.one_more_run(runs(table)) for table in tables]
    wrong = [
        read(effect, (number - 0.5, number + 0.5))[0] == FAILS for effect, number in zip(found, published, strict=True)
    ]
    assert np.mean(wrong) < 0.05 + NEAR
    far = [read(effect, (9.5, 10.5))[0] == FAILS for effect in found]
    assert np.mean(far) > 0.97


@pytest.mark.parametrize(("others", "wrong"), [((0.0, 0.0, 0.0), FAILS), ((0.0, 3.0, 3.0), HOLDS)])
def test_least_is_not_judged_by_a_chosen_rival(others, wrong):
    """All equal: it must not fail for being beaten by the luckiest; equal to one: it must not hold."""
    noise = 0.5 * normal(20, 4, 4)
    found = [
        effects.least(runs(table[0]), [runs(mean + other) for mean, other in zip(others, table[1:], strict=True)])
        for table in noise[:FEWER]
    ]
    assert rates(found, (-math.inf, 0.0))[wrong] < 0.05
    covered = np.mean([effect.low <= -min(others) <= effect.high for effect in found])
    assert covered > 0.93


def test_least_is_found():
    found = [
        effects.least(runs(table[0] - 4), [runs(other) for other in table[1:]])
        for table in 0.5 * normal(21, 4, 4)[:100]
    ]
    assert rates(found, (-math.inf, 0.0))[HOLDS] > 0.95


def test_order_of_models_without_a_trend_is_rarely_one():
    found = [effects.trend(range(6), means, "") for means in normal(22, 6)[:FEWER]]
    holds, fails, _ = rates(found, (0.0, math.inf))
    assert holds + fails < 0.07
    assert rates([effects.trend(range(6), range(6), "")], (0.0, math.inf))[HOLDS] == 1
