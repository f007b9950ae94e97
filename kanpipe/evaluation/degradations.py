"""Real images made worse by known amounts: a distance that is fit to judge samples must grow with each of them."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.ndimage import gaussian_filter

Images = np.ndarray  # uint8 (n, h, w)
Degrade = Callable[[Images, np.ndarray, float, np.random.Generator], Images]  # images, labels, strength, draw


def _blurred(images: Images, labels: np.ndarray, strength: float, draw: np.random.Generator) -> Images:
    return _bytes(gaussian_filter(images.astype(np.float32), (0, strength, strength)))


def _noisy(images: Images, labels: np.ndarray, strength: float, draw: np.random.Generator) -> Images:
    return _bytes(images + draw.normal(0, strength, images.shape))


def _erased(images: Images, labels: np.ndarray, strength: float, draw: np.random.Generator) -> Images:
    return np.where(draw.random(images.shape) < strength, 0, images).astype(np.uint8)


def _faded(images: Images, labels: np.ndarray, strength: float, draw: np.random.Generator) -> Images:
    return _bytes(images * (1 - strength))


def _moved(images: Images, labels: np.ndarray, strength: float, draw: np.random.Generator) -> Images:
    return np.roll(images, int(strength), axis=2)


def _cut(images: Images, labels: np.ndarray, strength: float, draw: np.random.Generator) -> Images:
    return _bytes(images + strength * (np.where(images > 127.5, 255, 0) - images))


def _repeated(images: Images, labels: np.ndarray, strength: float, draw: np.random.Generator) -> Images:
    different = max(1, round(len(images) * (1 - strength)))
    return images[np.arange(len(images)) % different]


def _without_classes(images: Images, labels: np.ndarray, strength: float, draw: np.random.Generator) -> Images:
    return images[labels >= strength]


DEGRADATIONS: dict[str, tuple[Degrade, str, tuple[float, ...]]] = {  # name: (how, what its strength is, strengths)
    "blur": (_blurred, "pixels of standard deviation", (0.5, 0.7, 1, 1.5, 2, 3)),
    "noise": (_noisy, "standard deviation, of 255", (10, 20, 40, 80)),
    "erased pixels": (_erased, "share of pixels", (0.05, 0.1, 0.2, 0.4)),
    "faded": (_faded, "share of the ink", (0.1, 0.3, 0.5)),
    "moved": (_moved, "pixels to the right", (1, 2, 4)),
    "binarised": (_cut, "share of the way to 0 or 255", (0.25, 0.5, 0.75, 1)),
    "repeated": (_repeated, "share that repeats others", (0.9, 0.98, 0.99, 0.998)),
    "missing classes": (_without_classes, "of ten", (1, 2, 4, 6, 8)),
}

UNITS = {name: unit for name, (_, unit, _) in DEGRADATIONS.items()}


def degraded(images: Images, labels: np.ndarray, seed: int) -> Iterator[tuple[str, float, Images]]:
    """Every degradation of images uint8 (n, h, w) with labels (n,) by every strength, weakest first."""
    for name, (degrade, _, strengths) in DEGRADATIONS.items():
        for strength in strengths:
            yield name, strength, degrade(images, labels, strength, np.random.default_rng(seed))


def _bytes(values: np.ndarray) -> Images:
    return values.clip(0, 255).round().astype(np.uint8)
