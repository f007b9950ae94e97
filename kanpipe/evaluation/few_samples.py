"""Scores that are made for some hundred samples, of features that are there already.

The Fréchet distance of few samples is too large by far, since it takes a covariance of as many numbers as the square of
the features. The kernel distance (Binkowski et al. 2018) has no such bias; precision and recall (Kynkaanniemi et al.
2019) say whether samples look real, and whether all that is real is drawn.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

SUBSET, SUBSETS = 1000, 100  # of KID, as published
NEIGHBOUR = 3  # whose distance is the radius of precision and recall, as published


@dataclass(frozen=True)
class Score:
    """What a score is, its standard deviation or NaN, and the numbers of samples and of real images it is of."""

    value: float
    sd: float
    n: int
    n_reference: int


def few_sample_scores(drawn: np.ndarray, real: np.ndarray, seed: int) -> dict[str, Score]:
    """`kid`, `precision` and `recall` of features (n, d) of samples against those of real images.

    The standard deviation of KID is over its subsets, drawn by `seed`: NaN where each subset is all there is. Precision
    and recall are among as many real images as samples: the radii shrink with their number.
    """
    ours, theirs = torch.from_numpy(drawn).double(), torch.from_numpy(real).double()
    size = min(SUBSET, len(ours), len(theirs))
    options = {"kid_subsets": SUBSETS, "kid_subset_size": size, "rng_seed": seed, "verbose": False}
    kid = kid_features_to_metric(ours, theirs, **options)
    number = min(len(ours), len(theirs))
    prc = prc_features_to_metric(ours[:number], theirs[:number], prc_neighborhood=NEIGHBOUR, verbose=False)
    spread = math.nan if size == max(len(ours), len(theirs)) else kid[KEY_METRIC_KID_STD]
    return {
        "kid": Score(kid[KEY_METRIC_KID_MEAN], spread, len(ours), len(theirs)),
        "precision": Score(prc[KEY_METRIC_PRECISION], math.nan, number, number),
        "recall": Score(prc[KEY_METRIC_RECALL], math.nan, number, number),
    }
