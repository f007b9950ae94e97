"""CIFAR-10: photographs of ten kinds of things, the 50,000 of the training split (Krizhevsky 2009)."""

from pathlib import Path

import numpy as np

from kanpipe.errors import UserError

FILES = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32  # the label, then the red, the green and the blue pixels


def cifar10(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of the five batches in `folder`: images (50000, 32, 32, 3) and labels (50000,), both uint8.

    The test split is not read, and its arrays are empty: every metric takes the training images.
    """
    batches = [read_batch(folder / file) for file in FILES]
    images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    nothing = {"test_images": images[:0], "test_labels": labels[:0]}
    return {"train_images": images, "train_labels": labels} | nothing


def read_batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 32, 32, 3) and labels (n,) of a file of records; UserError when it has something else."""
    content = np.fromfile(path, np.uint8)
    records = content[: len(content) // RECORD * RECORD].reshape(-1, RECORD)
    if not len(records) or records.size != content.size or (records[:, 0] > 9).any():
        raise UserError(f"{path} is not a batch of CIFAR-10 in the binary layout; delete it and run again")
    return np.ascontiguousarray(records[:, 1:].reshape(-1, *SHAPE).transpose(0, 2, 3, 1)), records[:, 0].copy()
