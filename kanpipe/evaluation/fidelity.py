"""Fréchet distances between sets of images, and their Inception Scores, from torch-fidelity's features.

What is found of a set of images is kept on disk.
"""

import functools
import hashlib
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpipe.digests import sha256
from kanpipe.errors import UserError
from kanpipe.evaluation.feature_extractors import LOGITS, Extractor, network
from kanpipe.evaluation.inception_score import InceptionScore, Logits, check_count
from kanpipe.files import read_remakable, write_arrays
from kanpipe.machine import Machine
from kanpipe.progress import Progress
from kanpipe.provenance import code_hash

log = logging.getLogger("kanpipe")

# On one thread PyTorch convolves batches below 16 by a slow algorithm; larger ones leave the processor's cache.
BATCH_SIZES = {"cpu": 16, "cuda": 128}
FIRST = 1000  # images whose features are kept one by one, for scores of few samples
# What is kept on disk counts as another when the code of these modules changes.
DECIDING = ("kanpipe.evaluation.feature_extractors", "kanpipe.evaluation.inception_score")


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


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """|mu_a - mu_b|^2 + tr(sigma_a + sigma_b - 2 (sigma_a sigma_b)^(1/2)) (Heusel et al. 2017, Equation 6).

    The eigenvalues of sigma_a sigma_b are those of R^T sigma_b R, which is symmetric: three times as fast as
    torch-fidelity's way at 768 features, and the root of `a` serves all its comparisons. Raises ValueError for
    statistics of different layers.
    """
    if a.mu.shape != b.mu.shape:
        raise ValueError(f"statistics have {len(a.mu)} and {len(b.mu)} features; they must be of the same layer")
    eigenvalues = np.linalg.eigvalsh(a.root.T @ b.sigma @ a.root).clip(min=0)
    difference = a.mu - b.mu
    return float(difference @ difference + np.trace(a.sigma) + np.trace(b.sigma) - 2 * np.sqrt(eigenvalues).sum())


def statistics(
    images: np.ndarray, extractor: Extractor, machine: Machine, cache: Path | None = None, label: str = "features"
) -> dict[str, Found]:
    """Of each of the extractor's layers its statistics, of logits the Inception Score, from one pass over the images.

    Images are uint8, grey (n, h, w) or coloured (n, h, w, 3). What lies in the folder `cache` for the same images,
    network and weights is taken from there, and what is computed is put there. Raises TypeError and ValueError for
    other images and fewer than 2, or 10 for logits, and UserError for weights that are wrong or have nothing to say
    about a layer.
    """
    _check_images(images)
    if set(extractor.layers) & set(LOGITS):
        check_count(len(images))
    if cache is None:
        return _extract(images, extractor, machine, label)
    digest = _digest(images, extractor)
    files = {layer: cache / f"{extractor.name}-{layer}-{digest}.npz" for layer in extractor.layers}
    found = {layer: kept for layer, file in files.items() if (kept := _read(file, layer))}
    if missing := tuple(layer for layer in files if layer not in found):
        computed = _extract(images, replace(extractor, layers=missing), machine, label)
        for layer, result in computed.items():
            write_arrays(files[layer], asdict(result))
        found |= computed
    return {layer: found[layer] for layer in extractor.layers}


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


def _extract(images: np.ndarray, extractor: Extractor, machine: Machine, label: str) -> dict[str, Found]:
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


def _check_images(images: np.ndarray) -> None:
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


def _digest(images: np.ndarray, extractor: Extractor) -> str:
    """A hash of the images, the network, its weights, and the code that decides what is found of them."""
    code = (version("torch-fidelity"), *map(code_hash, DECIDING))
    named = (extractor.name, _weights_digest(extractor.file), *code, FIRST, images.shape)
    digest = hashlib.sha256(repr(named).encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()[:32]


@functools.cache
def _weights_digest(file: Path) -> str:
    try:
        return sha256(file)
    except FileNotFoundError as error:
        raise UserError(f"there is no weight file {file}") from error


def _read(file: Path, layer: str) -> Found | None:
    """What the file holds of the layer; nothing when there is no such file or it is damaged."""
    if (arrays := read_remakable(file)) is None:
        return None
    kind = InceptionScore if layer in LOGITS else Statistics
    try:
        values: dict[str, Any] = {name: array if array.ndim else array.item() for name, array in arrays.items()}
        return kind(**values)
    except TypeError as error:
        log.warning("%s holds other arrays (%s) and is made anew", file, error)
        return None
