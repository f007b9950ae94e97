"""Fréchet distances between sets of images, and their Inception Scores, from torch-fidelity's features.

What is found of a set of images is kept on disk.
"""

import functools
import hashlib
import logging
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from kanpipe.digests import sha256
from kanpipe.errors import UserError
from kanpipe.evaluation.feature_extractors import LOGITS, Extractor
from kanpipe.evaluation.feature_statistics import Found, Statistics, check_images, of_images
from kanpipe.evaluation.inception_score import InceptionScore, check_count
from kanpipe.files import read_remakable, write_arrays
from kanpipe.machine import Machine
from kanpipe.provenance import code_hash

log = logging.getLogger("kanpipe")

DECIDING = "kanpipe.evaluation.feature_statistics"  # when its code changes, what is kept on disk counts as another


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
    check_images(images)
    if set(extractor.layers) & set(LOGITS):
        check_count(len(images))
    if cache is None:
        return of_images(images, extractor, machine, label)
    digest = _digest(images, extractor)
    files = {layer: cache / f"{extractor.name}-{layer}-{digest}.npz" for layer in extractor.layers}
    found = {layer: kept for layer, file in files.items() if (kept := _read(file, layer))}
    if missing := tuple(layer for layer in files if layer not in found):
        computed = of_images(images, replace(extractor, layers=missing), machine, label)
        for layer, result in computed.items():
            write_arrays(files[layer], asdict(result))
        found |= computed
    return {layer: found[layer] for layer in extractor.layers}


def _digest(images: np.ndarray, extractor: Extractor) -> str:
    """A hash of the images, the network, its weights, and the code that decides what is found of them."""
    code = version("torch-fidelity"), code_hash(DECIDING)
    named = (extractor.name, _weights_digest(extractor.file), *code, images.shape)
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
