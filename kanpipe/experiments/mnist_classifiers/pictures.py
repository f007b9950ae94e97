"""Small pictures as a cell of a table: evaluation has the images, figures have what evaluation left."""

import base64
import zlib

import numpy as np

from kanpipe.experiments.mnist_classifiers.problem import SIDE


def packed(image: np.ndarray) -> str:
    """Bytes (28, 28), compressed and written in letters."""
    return base64.b64encode(zlib.compress(image.astype(np.uint8).tobytes(), 9)).decode()


def unpacked(text: str) -> np.ndarray:
    """The bytes (28, 28) of an image that was packed."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(SIDE, SIDE)
