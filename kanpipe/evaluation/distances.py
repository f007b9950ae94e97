"""Distances between two sets of points."""

import numpy as np
from scipy.spatial import cKDTree


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, projections: int, seed: int) -> float:
    """The sliced 2-Wasserstein distance between points a (n, d) and b (m, d), in their own unit (POT).

    The root of the mean, over `projections` random directions, of the squared distance of the projections.
    """
    from ot import sliced_wasserstein_distance

    return float(sliced_wasserstein_distance(a.astype(float), b.astype(float), n_projections=projections, seed=seed))


def nearest_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The mean distance from a point of a (n, d) to the nearest point of b (m, d): how far a strays from b.

    It is the half of the Chamfer distance that sees blur and strays; it does not see what of b is missing in a.
    """
    return float(cKDTree(b).query(a)[0].mean())
