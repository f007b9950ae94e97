"""The swiss roll in the plane."""

import numpy as np


def swiss_roll(points: int, noise: float, scale: float, seed: int) -> np.ndarray:
    """Points (points, 2), float32: columns 0 and 2 of scikit-learn's `make_swiss_roll`, divided by `scale`.

    With 10,000 points, noise 0.2, scale 10 and seed 42 these are the data of github.com/kabachuha/kan-diffusion.
    """
    from sklearn.datasets import make_swiss_roll

    roll, _ = make_swiss_roll(points, noise=noise, random_state=seed)
    return (roll[:, [0, 2]] / scale).astype(np.float32)
