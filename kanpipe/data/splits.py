"""Images held out of the training set, so that choices are made on images other than those of the test."""

from dataclasses import dataclass

import numpy as np

from kanpipe.errors import UserError
from kanpipe.machine import derived_seed


@dataclass(frozen=True)
class Split:
    """Rows of the training images, int64 and rising: those to train on and those held out; each row is in one."""

    train: np.ndarray
    validation: np.ndarray


def stratified_split(labels: np.ndarray, validation: int, seed: int) -> Split:
    """Hold out `validation` of the images with these labels (n,), of each label its share up to one image.

    The rows are a function of the labels, the number and the seed alone. Raises UserError where a label would have no
    image on one of the two sides.
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(labels))
    if not 0 < validation < len(labels):
        raise UserError(f"{validation} validation images cannot be held out of {len(labels)}")
    try:
        # The generator of numpy that scikit-learn seeds takes 32 bits.
        state = derived_seed(seed, "validation") % 2**32
        train, held = train_test_split(rows, test_size=validation, random_state=state, stratify=labels)
    except ValueError as error:
        raise UserError(f"{validation} validation images cannot be held out of {len(labels)}: {error}") from error
    return Split(np.sort(train), np.sort(held))
