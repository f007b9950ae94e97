"""What a classifier is scored with on one test set: its errors, its probabilities, and where it is wrong.

Accuracies are fractions, not per cent. How two classifiers compare is in `classifier_comparison`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest

BINS = 15  # of the confidence, of equal width, for the calibration error


@dataclass(frozen=True)
class Scores:
    """The scores of one classifier on so many images; the interval of its accuracy is Wilson's."""

    images: int
    errors: int
    accuracy: float
    low: float
    high: float
    negative_log_likelihood: float  # nats an image
    calibration_error: float  # as a fraction


def scores(logits: np.ndarray, labels: np.ndarray) -> Scores:
    """The scores of logits (n, classes) for the labels (n,); raises ValueError as `right` does."""
    correct = right(logits, labels)
    count, images = int(correct.sum()), len(correct)
    return Scores(
        images,
        images - count,
        count / images,
        *wilson_interval(count, images),
        negative_log_likelihood(logits, labels),
        calibration_error(logits, labels),
    )


def right(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether each image is read as its label: logits (n, classes) and labels (n,) -> bool (n,).

    Of equal logits the first class counts. Raises ValueError for shapes that do not belong together, for no image,
    and for logits that are not finite, whose classes would be arbitrary.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise ValueError(f"logits of shape {logits.shape} do not belong to labels of shape {labels.shape}")
    if not np.isfinite(logits).all():
        raise ValueError("some logits are not finite: the classifier has diverged")
    return logits.argmax(axis=1) == labels


def wilson_interval(correct: int, images: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of an accuracy from so many independent images (Wilson 1927), without continuity correction.

    It is of the accuracy of this trained network on further images, and knows nothing of other seeds.
    """
    interval = binomtest(correct, images).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean over images of -log of the probability of the label, in nats: logits (n, classes), labels (n,)."""
    log_probabilities = log_softmax(logits.astype(np.float64), axis=1)
    return float(-log_probabilities[np.arange(len(labels)), labels].mean())


def calibration_error(logits: np.ndarray, labels: np.ndarray, bins: int = BINS) -> float:
    """The expected calibration error: how far confidence and accuracy lie apart, weighted by the images of each bin.

    The confidence is the largest probability; a bin is an interval of it of equal width that holds its upper end
    (Guo et al., arXiv:1706.04599, equation 3). Where nearly all confidences fall in the last bin, as of a network that
    reads 99.5 % of its images, this is little more than the mean confidence less the accuracy.
    """
    confidence = softmax(logits.astype(np.float64), axis=1).max(axis=1)
    gap = right(logits, labels) - confidence
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(place, gap, minlength=bins)).sum() / len(labels))


def confusion_matrix(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Images by label (row) and by what they are read as (column): int64 (classes, classes) of logits (n, classes)."""
    classes = logits.shape[1]
    return np.bincount(classes * labels.astype(np.int64) + logits.argmax(axis=1), minlength=classes**2).reshape(
        classes, classes
    )
