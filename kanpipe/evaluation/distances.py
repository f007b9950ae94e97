"""Distances between two sets of points."""

import numpy as np


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, projections: int, seed: int) -> float:
    """The sliced 2-Wasserstein distance between points a (n, d) and b (m, d), in their own unit (POT).

    The root of the mean, over `projections` random directions, of the squared distance of the projections.
    """
    from ot import sliced_wasserstein_distance

    return float(sliced_wasserstein_distance(a.astype(float), b.astype(float), n_projections=projections, seed=seed))
