"""MNIST and datasets in its files: 60,000 images to train on and 10,000 to test with.

MNIST has handwritten digits (LeCun, Cortes and Burges 1998), Fashion-MNIST articles of clothing (Xiao, Rasul and
Vollgraf 2017).
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from kanpipe.errors import UserError

FILES = {
    "train_images": "train-images-idx3-ubyte.gz",
    "train_labels": "train-labels-idx1-ubyte.gz",
    "test_images": "t10k-images-idx3-ubyte.gz",
    "test_labels": "t10k-labels-idx1-ubyte.gz",
}
UNSIGNED_BYTES = 0x08  # the code of the type of an entry


def mnist(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of the four files in `folder`: images (n, 28, 28) and labels (n,), both uint8.

    UserError when a file is damaged or they do not belong together.
    """
    arrays = {name: read_idx(folder / file) for name, file in FILES.items()}
    for part in ("train", "test"):
        images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
        if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
            raise UserError(
                f"{folder} has {part} images {images.shape} and labels {labels.shape}; there must be as many labels as "
                "images, of 28 x 28 pixels"
            )
    return arrays


def read_idx(path: Path) -> np.ndarray:
    """The array of unsigned bytes in a gzipped idx file; UserError when the file is damaged or holds anything else.

    Two zero bytes, the type of an entry, the number of dimensions, the length of each (big-endian), the entries.
    """
    try:
        content = gzip.decompress(path.read_bytes())
        zero, kind, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except (EOFError, gzip.BadGzipFile, zlib.error, struct.error) as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run again") from error
    entries = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
    if zero or kind != UNSIGNED_BYTES or len(entries) != math.prod(shape):
        raise UserError(f"{path} is not an idx file of unsigned bytes, whole; delete it and run again")
    return entries.reshape(shape)


def binarise(images: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """1 where a pixel of 0 ... 255 lies above `threshold` times 255, else 0, as uint8.

    With 0.5 these are the pixels from 128 on. Raises TypeError for images that are not uint8 and ValueError for a
    threshold outside [0, 1).
    """
    if images.dtype != np.uint8:
        raise TypeError(f"binarise takes images of uint8, 0 ... 255, not {images.dtype}")
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold is {threshold}; it must be at least 0 and below 1")
    return (images > threshold * 255).astype(np.uint8)
