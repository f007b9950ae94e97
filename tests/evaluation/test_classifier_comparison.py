"""Comparisons of classifiers against closed forms, and their error rates against simulated trainings."""

import math

import numpy as np
import pytest
from scipy.stats import beta, t, ttest_ind, ttest_ind_from_stats

from kanpipe.evaluation.classifier_comparison import (
    agreement,
    equivalence,
    mcnemar,
    paired_difference,
    resolvable_difference,
)


def disagreeing(only_left: int, only_right: int, both: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """What two classifiers read rightly, with so many images of each kind, and 3 that neither reads."""
    left = np.repeat([True, False, True, False], [only_left, only_right, both, 3])
    right = np.repeat([False, True, True, False], [only_left, only_right, both, 3])
    return left, right


@pytest.mark.parametrize("counts", [(8, 2), (2, 8), (5, 5), (0, 6), (1, 0)])
def test_mcnemar_is_the_sum_of_binomial_coefficients(counts):
    n = sum(counts)
    tail = sum(math.comb(n, k) for k in range(min(counts) + 1)) / 2**n
    assert mcnemar(*disagreeing(*counts)) == pytest.approx(min(1.0, 2 * tail))


def test_no_disagreement_is_no_evidence():
    assert mcnemar(*disagreeing(0, 0)) == 1
    assert paired_difference(*disagreeing(0, 0)).value == 0


def test_paired_difference_is_that_of_the_accuracies_and_turns_with_the_sides():
    left, right = disagreeing(9, 4)
    forth, back = paired_difference(left, right), paired_difference(right, left)
    assert forth.value == pytest.approx(left.mean() - right.mean())
    assert (back.value, back.low, back.high) == pytest.approx((-forth.value, -forth.high, -forth.low))


def test_paired_interval_holds_the_truth_as_often_as_it_says():
    """40 and 20 disagreements of 10,000 are expected. 2,000 tries at 95 % scatter by 0.5 points: 3 of them allowed."""
    draw, images, chances = np.random.default_rng(0), 10_000, (0.004, 0.002)
    counts = draw.multinomial(images, [*chances, 1 - sum(chances)], size=2_000)
    found = [paired_difference(*disagreeing(a, b, images - a - b - 3)) for a, b, _ in counts]
    held = np.mean([one.low <= chances[0] - chances[1] <= one.high for one in found])
    assert held == pytest.approx(0.95, abs=0.015)


def test_agreement_of_the_same_of_unrelated_and_of_faultless_classifiers():
    left = np.random.default_rng(0).random(100_000) < 0.9
    other = np.random.default_rng(1).random(100_000) < 0.9
    assert agreement(left, left) == pytest.approx(1)
    assert agreement(left, other) == pytest.approx(0, abs=0.015)  # 5 / sqrt(n)
    assert math.isnan(agreement(left, np.ones_like(left)))


def test_many_runs_resolve_what_the_normal_formula_says():
    """(z of 97.5 % + z of 80 %) standard errors of the difference of two means."""
    expected = (1.959964 + 0.841621) * 0.0007 * math.sqrt(2 / 1_000)
    assert resolvable_difference(0.0007, 1_000) == pytest.approx(expected, rel=2e-3)  # t with 1,998 degrees


@pytest.mark.parametrize(("runs", "same"), [(3, 0.0), (5, 0.0), (5, 0.5)])
def test_resolvable_difference_is_found_as_often_as_promised(runs, same):
    """Trainings of which image i misreads a share drawn from a beta distribution, whose correlation is `same`.

    The t-test of the runs finds the difference in 80 % of 2,000 tries, give or take 3 times 0.9 points and a point
    for accuracies that are not quite normal.
    """
    draw, images, accuracy, tries = np.random.default_rng(runs), 1_000, 0.9, 2_000
    gap = resolvable_difference(math.sqrt(accuracy * (1 - accuracy) * (1 - same) / images), runs)
    means = accuracy + gap / 2 * np.array([1, -1])
    left, right = (simulated(draw, mean, same, images, (tries, runs)) for mean in means)
    moments = [part for side in (left, right) for part in (side.mean(axis=1), side.std(axis=1, ddof=1), runs)]
    assert (ttest_ind_from_stats(*moments).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.037)


def simulated(
    draw: np.random.Generator, accuracy: float, same: float, images: int, shape: tuple[int, int]
) -> np.ndarray:
    """Accuracies (tries, runs) on one set of images, each read rightly with a chance of its own by every run."""
    chances = np.full(images, accuracy)
    if same:
        # Quantiles, not draws, so that both sides find the same images hard and the mean is as asked.
        ranks, weight = (np.arange(images) + 0.5) / images, 1 / same - 1
        chances = beta.ppf(ranks, accuracy * weight, (1 - accuracy) * weight)
    return np.stack([(draw.random((shape[0], images)) < chances).mean(axis=1) for _ in range(shape[1])], axis=1)


def test_impossible_questions_are_refused():
    with pytest.raises(ValueError, match="runs is 1; a side needs at least 2"):
        resolvable_difference(0.001, 1)
    with pytest.raises(ValueError, match="margin is 0"):
        equivalence(np.zeros(3), np.ones(3), 0.0)
    with pytest.raises(ValueError, match="must be bool"):
        mcnemar(np.ones(3), np.ones(3))


@pytest.mark.parametrize("runs", [2, 3, 7])
def test_equivalence_is_two_tests_of_scipy(runs):
    draw, margin = np.random.default_rng(runs), 0.001
    left, right = draw.normal(0.995, 0.0005, size=runs), draw.normal(0.9948, 0.001, size=4)
    below = ttest_ind(left + margin, right, equal_var=False, alternative="greater").pvalue
    above = ttest_ind(left - margin, right, equal_var=False, alternative="less").pvalue
    interval = ttest_ind(left, right, equal_var=False).confidence_interval(0.9)
    found = equivalence(left, right, margin)
    assert found.difference == pytest.approx(left.mean() - right.mean())
    assert found.p_value == pytest.approx(max(below, above), rel=1e-6)  # of values that differ from the fourth digit
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6)


def test_one_side_may_be_without_a_spread():
    """Then the other side's alone counts: 4 standard errors from the margin, with 2 degrees of freedom."""
    right = np.array([0.99, 0.992, 0.991])
    found = equivalence(np.full(3, 0.991), right, 4 * 0.001 / math.sqrt(3))
    assert found.p_value == pytest.approx(t.sf(4, 2), rel=1e-6)


def test_equivalence_holds_where_its_interval_lies_within_the_margins():
    draw = np.random.default_rng(0)
    for _ in range(100):
        left, right = draw.normal(0.995, 0.001, size=(2, 5))
        found = equivalence(left, right, 0.0015)
        assert found.holds() == (found.low > -0.0015 and found.high < 0.0015)


def test_recipes_at_the_margin_are_called_equivalent_in_a_twentieth_of_the_tries_at_most():
    """2,000 tries of 5 seeds scatter by 0.5 points about 5 %: 3 of them allowed, and Welch's own inexactness."""
    assert called_equivalent(gap=0.002, spread=0.0005, tries=2_000) <= 0.065


def test_alike_recipes_are_called_equivalent_where_the_margin_is_wide():
    """The margin is 6 standard errors away, and t needs 1.9 of them."""
    assert called_equivalent(gap=0.0, spread=0.0005, tries=500) > 0.98


def called_equivalent(gap: float, spread: float, tries: int) -> float:
    """The share of tries in which 5 seeds a side, so far apart, pass the test with a margin of 0.002."""
    draw = np.random.default_rng(0)
    left = draw.normal(0.993 + gap, spread, size=(tries, 5))
    right = draw.normal(0.993, spread, size=(tries, 5))
    return np.mean([equivalence(a, b, 0.002).holds() for a, b in zip(left, right, strict=True)])


@pytest.mark.parametrize(("left", "right"), [([0.99], [0.99, 0.98]), ([1.0, 1.0], [1.0, 1.0])])
def test_runs_without_a_spread_show_no_equivalence(left, right):
    found = equivalence(np.array(left), np.array(right), 0.1)
    assert math.isnan(found.p_value) and not found.holds()
