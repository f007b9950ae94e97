"""Medians whose intervals are known."""

import numpy as np
import pytest
from scipy.stats import binomtest

from kanpipe.medians import estimate, missed


@pytest.mark.parametrize("n", [6, 7, 11, 15, 21, 100])
def test_interval_of_the_median_is_that_of_the_sign_test(n):
    # The interval holds exactly those medians that a sign test at 5 % does not reject.
    values = np.arange(n, dtype=float)
    found = estimate(values)

    def p(median: float) -> float:
        return binomtest(int((values > median).sum()), n).pvalue

    assert p(found.low + 0.5) > 0.05 >= p(found.low - 0.5)
    assert p(found.high - 0.5) > 0.05 >= p(found.high + 0.5)
    assert missed(n) == pytest.approx(p(found.low - 0.5)), "the largest p outside"


def test_interval_covers_the_median_as_often_as_it_says():
    draws = np.random.default_rng(0).exponential(size=(2000, 15))
    covered = np.mean([found.low <= np.log(2) <= found.high for found in map(estimate, draws)])
    # Ranks 4 and 12 of 15 hold the median with probability 0.965; the error of 2000 draws is 0.004.
    assert covered == pytest.approx(0.965, abs=0.015)


def test_few_values_have_no_interval():
    found = estimate(np.array([3.0, 1.0, 2.0]))
    assert (found.median, found.n) == (2.0, 3)
    assert np.isnan(found.low) and np.isnan(found.high) and np.isnan(missed(3))
