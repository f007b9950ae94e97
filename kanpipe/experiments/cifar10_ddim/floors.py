"""Images that no network has made, for what a distance makes of them."""

import numpy as np

from kanpipe.experiments.protocol import FLOOR


def floors(images: np.ndarray, mean_sd: float, seed: int) -> dict[str, np.ndarray]:
    """From real images, uint8 (n, h, w, channels), as many others by the names of their rows.

    The real ones with the mean of every channel replaced by a number from N(0, mean_sd^2), which is what a sampler does
    that is blind to it; images of one colour, with the real means; Gaussian noise; black.
    """
    draw, real = np.random.default_rng(seed), images / 127.5 - 1
    means = real.mean(axis=(1, 2), keepdims=True)
    found = {
        "random colours": real - means + draw.normal(0, mean_sd, means.shape),
        "one colour": np.broadcast_to(means, real.shape),
        "noise": draw.standard_normal(real.shape),
        "black": np.full_like(real, -1),
    }
    return {f"{FLOOR}: {name}": _bytes(x) for name, x in found.items()}


def _bytes(x: np.ndarray) -> np.ndarray:
    return ((x.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)
