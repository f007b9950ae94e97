"""The distances where they are known in closed form."""

import numpy as np
import pytest

from kanpipe.evaluation.distances import nearest_distance, sliced_wasserstein


def points(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def test_translation_on_the_line_is_its_length():
    a = points(300, 1).astype(float)
    assert sliced_wasserstein(a, a + 2.5, projections=3, seed=0) == pytest.approx(2.5, rel=1e-12)


@pytest.mark.parametrize("d", [2, 3])
def test_translation_is_its_length_over_the_root_of_the_dimension(d):
    a, vector, n = points(50, d).astype(float), np.array([3.0, -4.0, 0.0][:d]), 20_000
    distance = sliced_wasserstein(a, a + vector, projections=n, seed=0)
    # every projection gives 25 cos^2; its mean is 25 / d and its standard deviation below 0.36 of 25
    assert distance**2 == pytest.approx(25 / d, abs=5 * 0.36 * 25 / n**0.5)


def test_scaling_is_the_mean_square_displacement():
    a = np.array([[-2.0], [-1.0], [1.0], [4.0]])
    assert sliced_wasserstein(a, 3 * a, projections=2, seed=0) == pytest.approx((4 * 22 / 4) ** 0.5, rel=1e-12)


def test_identical_sets_in_any_order_have_distance_0():
    a = points(100, 2)
    assert sliced_wasserstein(a, a[::-1], projections=20, seed=0) == 0


def test_sets_of_different_sizes_are_compared_as_distributions():
    a = points(100, 2)
    # masses of 1/100 and 1/200 are added up to quantiles, which differ in the last digit: root of some 1e-16
    assert sliced_wasserstein(a, np.concatenate([a, a]), projections=20, seed=0) == pytest.approx(0, abs=1e-7)


def test_distance_is_symmetric_and_a_function_of_its_seed():
    a, b = points(60, 2), points(60, 2, seed=1) + 1
    first = sliced_wasserstein(a, b, projections=20, seed=0)
    assert sliced_wasserstein(b, a, projections=20, seed=0) == first
    assert sliced_wasserstein(a, b, projections=20, seed=1) != first


def test_nearest_distance_is_a_mean_over_the_first_set():
    a, b = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [0.0, -7.0]])
    assert nearest_distance(a, b) == pytest.approx((1 + np.hypot(3, 3)) / 2, rel=1e-12)
    assert nearest_distance(b, a) == pytest.approx((1 + 7) / 2, rel=1e-12)


def test_nearest_distance_does_not_see_what_is_missing():
    b = points(100, 2)
    assert nearest_distance(b[:10], b) == 0
