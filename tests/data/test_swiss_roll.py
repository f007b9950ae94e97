"""The swiss roll of the published notebook."""

import numpy as np
from sklearn.datasets import make_swiss_roll

from kanpipe.data.swiss_roll import swiss_roll


def test_points_are_two_columns_of_scikit_learn_scaled():
    roll, _ = make_swiss_roll(10_000, noise=0.2, random_state=42)
    points = swiss_roll(10_000, noise=0.2, scale=10, seed=42)
    assert points.dtype == np.float32
    assert points.shape == (10_000, 2)
    np.testing.assert_array_equal(points, np.stack([roll[:, 0] / 10, roll[:, 2] / 10], axis=1).astype(np.float32))


def test_published_points_fill_the_published_range():
    points = swiss_roll(10_000, noise=0.2, scale=10, seed=42)
    # the ends stand in the source with two digits; ten thousand points reach them within some hundredths
    np.testing.assert_allclose(points.min(axis=0), [-1.0, -1.15], atol=0.06)
    np.testing.assert_allclose(points.max(axis=0), [1.3, 1.45], atol=0.06)


def test_without_noise_the_points_lie_on_the_spiral():
    radius = np.linalg.norm(swiss_roll(200, noise=0.0, scale=1, seed=0).astype(float), axis=1)
    spiral = np.stack([radius * np.cos(radius), radius * np.sin(radius)], axis=1)
    points = swiss_roll(200, noise=0.0, scale=1, seed=0)
    np.testing.assert_allclose(points, spiral, atol=2e-4)  # float32 radii of up to 14 are off by 1e-6, angles too


def test_seeds_give_different_points():
    assert not np.array_equal(swiss_roll(50, 0.2, 10, seed=0), swiss_roll(50, 0.2, 10, seed=1))
