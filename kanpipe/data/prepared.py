"""Datasets of small images as one file each, which every experiment reads."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kanpipe.errors import UserError
from kanpipe.files import read_arrays


@dataclass(frozen=True)
class Images:
    """Labelled images, uint8 from 0 to 255: (n, height, width), or (n, height, width, 3) in colour; labels (n,)."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load(path: Path | None, shape: tuple[int, ...] | None = None) -> Images:
    """The dataset that `prepare` wrote, of images of this shape, where one is asked for.

    Raises UserError when one bit of it is another, it is another file, or has images of another shape; ValueError
    without a file.
    """
    if path is None:
        raise ValueError("the stage was given no dataset")
    arrays = read_arrays(path)
    try:
        found = Images(**arrays)
    except TypeError as error:
        raise UserError(f"{path} is not a prepared dataset; delete it and run again") from error
    if shape is not None and found.train_images.shape[1:] != shape:
        raise UserError(f"{path} has images of {_by(found.train_images.shape[1:])}; this experiment takes {_by(shape)}")
    return found


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
