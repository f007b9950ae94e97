"""Scores of few samples, on Gaussian features whose truth is known."""

import math

import numpy as np
import pytest

from kanpipe.evaluation.few_samples import few_sample_scores

DRAW = np.random.default_rng(0)
REAL, OTHERS = DRAW.normal(size=(2, 400, 8)).astype(np.float32)


def values(drawn):
    return {name: score.value for name, score in few_sample_scores(drawn, REAL, 0).items()}


def test_other_samples_of_the_same_are_as_good_as_can_be():
    found = values(OTHERS)
    assert abs(found["kid"]) < 0.05
    assert found["precision"] > 0.8 and found["recall"] > 0.8


def test_kernel_distance_is_that_of_the_kernel():
    x, y = OTHERS[:40].astype(float) + 1, REAL[:40].astype(float)
    kernel = lambda a, b: (a @ b.T / 8 + 1) ** 3  # noqa: E731
    off = ~np.eye(40, dtype=bool)
    expected = kernel(x, x)[off].mean() + kernel(y, y)[off].mean() - 2 * kernel(x, y).mean()
    found = few_sample_scores((OTHERS[:40] + 1), REAL[:40], 0)["kid"]
    assert found.value == pytest.approx(expected, rel=1e-5)
    assert math.isnan(found.sd), "every subset is all there is"


def test_scores_say_of_how_many_images_they_are():
    found = few_sample_scores(OTHERS[:40], REAL, 0)
    assert (found["kid"].n, found["kid"].n_reference) == (40, 400) and found["kid"].sd > 0
    assert {(found[name].n, found[name].n_reference) for name in ("precision", "recall")} == {(40, 40)}


def test_a_sampler_that_draws_one_kind_has_no_recall_and_one_that_blurs_no_precision():
    narrow, far = values(0.01 * OTHERS), values(OTHERS + 9)
    assert narrow["precision"] > 0.9 and narrow["recall"] < 0.2
    assert far["precision"] == 0 and far["kid"] > 1
