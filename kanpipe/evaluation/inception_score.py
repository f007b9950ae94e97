"""The Inception Score (Salimans et al. 2016, arXiv:1606.03498, section 4), as torch-fidelity computes it."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

SPLITS, SHUFFLE_SEED = 10, 2020  # torch-fidelity's own


@dataclass(frozen=True)
class InceptionScore:
    """Mean and standard deviation (divided by the number, not by one less) over the splits of n images."""

    n: int
    mean: float
    sd: float


def inception_score(logits: Tensor) -> InceptionScore:
    """exp(mean KL(p(class | image) || p(class))) from logits (n, classes), over 10 splits of the shuffled images.

    The number belongs to the network that the logits are of: published scores are those of the Inception of FID.
    Raises ValueError for fewer images than splits.
    """
    check_count(len(logits))
    found = isc_features_to_metric(logits, SPLITS, shuffle=True, rng_seed=SHUFFLE_SEED)
    return InceptionScore(len(logits), found[KEY_METRIC_ISC_MEAN], found[KEY_METRIC_ISC_STD])


def check_count(n: int) -> None:
    """ValueError for fewer images than splits."""
    if n < SPLITS:
        raise ValueError(f"there are {n} images; an Inception Score over {SPLITS} splits needs at least {SPLITS}")


class Logits:
    """Gathers the logits of a set of images, batch after batch, for its score."""

    def __init__(self) -> None:
        self._batches: list[Tensor] = []

    def add(self, logits: Tensor) -> None:
        """Keep the rows of `logits` (n, classes)."""
        self._batches.append(logits.cpu())

    def statistics(self) -> InceptionScore:
        """The score of all rows so far."""
        return inception_score(torch.cat(self._batches))
