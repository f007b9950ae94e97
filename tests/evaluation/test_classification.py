"""Scores of a classifier against closed forms, scikit-learn, and bins counted by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix as sklearn_confusion
from torch.nn import functional as F

from kanpipe.evaluation.classification import (
    calibration_error,
    confusion_matrix,
    negative_log_likelihood,
    right,
    scores,
    wilson_interval,
)


@pytest.fixture
def made() -> tuple[np.ndarray, np.ndarray]:
    """Logits (500, 10), float32, that often favour the label, and the labels."""
    draw = np.random.default_rng(0)
    labels = draw.integers(10, size=500).astype(np.uint8)
    return (draw.normal(size=(500, 10)) + 2 * np.eye(10)[labels]).astype(np.float32), labels


def logits_of(probabilities: list[list[float]]) -> np.ndarray:
    return np.log(np.array(probabilities))


def test_errors_and_accuracy_are_those_counted_one_by_one(made):
    logits, labels = made
    errors = sum(int(np.argmax(row)) != label for row, label in zip(logits, labels, strict=True))
    found = scores(logits, labels)
    assert (found.images, found.errors, found.accuracy) == (500, errors, (500 - errors) / 500)
    assert (found.low, found.high) == wilson_interval(500 - errors, 500)


@pytest.mark.parametrize("correct", [0, 1, 9_950, 10_000])
def test_wilson_interval_is_the_closed_form(correct):
    z, n = 1.959963984540054, 10_000
    p = correct / n
    middle, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    ends = ((middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n))
    assert wilson_interval(correct, n) == pytest.approx(ends, abs=1e-12)  # rounding of float64


def test_negative_log_likelihood_is_the_cross_entropy_of_torch(made):
    logits, labels = made
    expected = F.cross_entropy(torch.from_numpy(logits).double(), torch.from_numpy(labels).long()).item()
    assert negative_log_likelihood(logits, labels) == pytest.approx(expected, rel=1e-12)  # both in float64


def test_negative_log_likelihood_of_huge_logits_is_finite():
    assert negative_log_likelihood(np.array([[1e4, 0.0]], np.float32), np.array([1])) == pytest.approx(1e4)


def test_calibration_error_by_hand():
    """Two bins: confidences 0.6 and 0.8 share the upper one, half right; 0.5 lies in the lower one, wrong."""
    logits = logits_of([[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2]])
    expected = (abs(1 - (0.6 + 0.8)) + abs(0 - 0.5)) / 3
    assert calibration_error(logits, np.array([0, 0, 1]), bins=2) == pytest.approx(expected)


def test_sure_and_right_is_calibrated_and_sure_and_wrong_is_not():
    logits = np.array([[1e3, 0.0], [0.0, 1e3]])
    assert calibration_error(logits, np.array([0, 1])) == 0
    assert calibration_error(logits, np.array([1, 0])) == 1


def test_labels_drawn_from_the_probabilities_are_calibrated():
    """An error of n images is some sqrt(bins / n) at most: 0.008 here, so that 0.02 is far off."""
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(200_000, 10)) * 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (probabilities.cumsum(axis=1) < draw.random((200_000, 1))).sum(axis=1).clip(max=9)
    assert calibration_error(logits, labels) < 0.02 < calibration_error(3 * logits, labels)


def test_confusion_matrix_is_that_of_scikit_learn(made):
    logits, labels = made
    found = confusion_matrix(logits, labels)
    np.testing.assert_array_equal(found, sklearn_confusion(labels, logits.argmax(axis=1), labels=range(10)))
    assert found.shape == (10, 10) and found.trace() == right(logits, labels).sum()


def test_a_digit_that_never_occurs_keeps_its_row():
    assert confusion_matrix(np.eye(10)[[0, 0, 3]], np.array([0, 1, 3])).tolist()[1] == [1] + 9 * [0]


def test_what_does_not_belong_together_is_refused(made):
    logits, labels = made
    with pytest.raises(ValueError, match=r"logits of shape \(500, 10\) do not belong to labels of shape \(499,\)"):
        scores(logits, labels[1:])
    with pytest.raises(ValueError, match="do not belong"):
        scores(logits[:0], labels[:0])
    logits[3, 2] = np.nan
    with pytest.raises(ValueError, match="diverged"):
        scores(logits, labels)
