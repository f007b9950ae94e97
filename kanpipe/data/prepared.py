"""Datasets of small images as one file each, which every experiment reads."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kanpipe.data.digits import digits
from kanpipe.data.mnist import mnist
from kanpipe.data.sources import SOURCES
from kanpipe.errors import UserError
from kanpipe.files import atomic, read_arrays


@dataclass(frozen=True)
class Images:
    """Labelled images, uint8: images (n, height, width) from 0 to 255, labels (n,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def prepare(dataset: str, raw: Path, out: Path) -> None:
    """Write the arrays of `dataset` (`mnist` or `digits`) into `out`, an npz; the downloaded files lie in `raw`.

    Raises UserError, which names it, for a file that is not the published one.
    """
    for source in SOURCES.get(dataset, ()):
        if fault := source.fault(raw / source.name):
            raise UserError(f"{raw / source.name} is not the published file ({fault}); delete it and run again")
    arrays = digits() if dataset == "digits" else mnist(raw / "mnist")
    with atomic(out) as beside:
        np.savez(beside, **arrays)


def load(path: Path) -> Images:
    """The dataset that `prepare` wrote; UserError when the file is damaged or another one."""
    arrays = read_arrays(path)
    try:
        return Images(**arrays)
    except TypeError as error:
        raise UserError(f"{path} is not a prepared dataset; delete it and run again") from error
