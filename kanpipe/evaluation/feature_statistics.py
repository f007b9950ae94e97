"""What a network's features of a set of images have in common: mean, covariance and the first rows, in one pass."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kanpipe.errors import UserError
from kanpipe.evaluation.feature_extractors import LOGITS, Extractor, network
from kanpipe.evaluation.inception_score import InceptionScore, Logits
from kanpipe.machine import Machine
from kanpipe.progress import Progress

# On one thread PyTorch convolves batches below 16 by a slow algorithm; larger ones leave the processor's cache.
BATCH_SIZES = {"cpu": 16, "cuda": 128}
FIRST = 1000  # images whose features are kept one by one, for scores of few samples


@dataclass(frozen=True)
class Statistics:
    """Mean (d,) and covariance (d, d) of n images' features in one layer, float64, and the first FIRST of these."""

    n: int
    mu: np.ndarray
    sigma: np.ndarray
    rows: np.ndarray  # float32 (up to FIRST, d)

    @functools.cached_property
    def root(self) -> np.ndarray:
        """A matrix R (d, d) with sigma = R R^T."""
        values, vectors = np.linalg.eigh(self.sigma)
        return vectors * np.sqrt(values.clip(min=0))


Found = Statistics | InceptionScore


class Moments:
    """Running sums over rows of features, from which mean and covariance follow.

    Sums are of float64 and of differences from the first batch's mean: squares of features with a large mean and a
    small spread would cancel.
    """

    def __init__(self) -> None:
        self.n = 0
        self.first: list[Tensor] = []

    def add(self, features: Tensor) -> None:
        """Count the rows of `features` (n, d)."""
        self.first.append(features[: max(0, FIRST - self.n)].float().cpu())
        rows = features.double()
        if not self.n:
            self.shift = rows.mean(dim=0)
            self.total = torch.zeros_like(self.shift)
            self.products = torch.zeros_like(torch.outer(self.shift, self.shift))
        rows = rows - self.shift
        self.n += len(rows)
        self.total += rows.sum(dim=0)
        self.products.addmm_(rows.T, rows)

    def statistics(self) -> Statistics:
        """Of all rows so far; the covariance is unbiased, divided by n - 1."""
        offset = self.total / self.n
        sigma = (self.products - self.n * torch.outer(offset, offset)) / (self.n - 1)
        rows = torch.cat(self.first).numpy()
        return Statistics(self.n, (self.shift + offset).cpu().numpy(), sigma.cpu().numpy(), rows)


def of_images(images: np.ndarray, extractor: Extractor, machine: Machine, label: str) -> dict[str, Found]:
    """Of each layer its statistics, of logits the Inception Score; UserError for features that are not numbers."""
    gathered = {layer: Logits() if layer in LOGITS else Moments() for layer in extractor.layers}
    with Progress(label, total=len(images), unit="image") as progress:
        for features in _features(images, extractor, machine):
            for layer, rows in zip(extractor.layers, features, strict=True):
                _check_features(rows, layer, extractor)
                gathered[layer].add(rows)
            for _ in features[0]:
                progress.advance()
    return {layer: each.statistics() for layer, each in gathered.items()}


def _features(images: np.ndarray, extractor: Extractor, machine: Machine) -> Iterator[tuple[Tensor, ...]]:
    """The features of one batch of images after the other: (n, d) for each layer."""
    net, size = network(extractor, machine.device), BATCH_SIZES[machine.device.type]
    for start in range(0, len(images), size):
        rows = images[start : start + size]
        # For a last batch of another size a compiled network would be compiled anew: fill it up.
        filled = rows[np.arange(size if extractor.compile else len(rows)) % len(rows)]
        batch = torch.from_numpy(filled if filled.ndim == 4 else np.stack([filled] * 3, axis=-1))
        features = net(batch.permute(0, 3, 1, 2).to(machine.device))
        yield tuple(layer[: len(rows)] for layer in features)


def check_images(images: np.ndarray) -> None:
    """Raise TypeError or ValueError for images that are no bytes, have another shape, or are fewer than 2."""
    if images.dtype != np.uint8:
        raise TypeError(f"images are of {images.dtype}; they must be of uint8, 0 ... 255")
    if images.ndim != 3 and not (images.ndim == 4 and images.shape[-1] == 3):
        raise ValueError(f"images have the shape {images.shape}; it must be (n, h, w) or (n, h, w, 3)")
    if len(images) < 2:
        raise ValueError(f"there are {len(images)} images; a covariance needs at least 2")


def _check_features(rows: Tensor, layer: str, extractor: Extractor) -> None:
    if not rows.isfinite().all():
        raise UserError(
            f"layer {layer} of {extractor.name} gives values that are not numbers with the weights in "
            f"{extractor.file}; leave the layer out of the configuration, or name another file there"
        )
