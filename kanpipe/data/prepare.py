"""From the downloaded files of a dataset, or from a package, to the one file that experiments read."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from kanpipe.data.cifar10 import cifar10
from kanpipe.data.digits import digits
from kanpipe.data.mnist import mnist
from kanpipe.data.photographs import photographs
from kanpipe.data.sources import SOURCES
from kanpipe.errors import UserError
from kanpipe.files import write_arrays

# name: from the folder of downloads to the arrays
DATASETS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    "mnist": lambda raw: mnist(raw / "mnist"),
    "fashion_mnist": lambda raw: mnist(raw / "fashion_mnist"),
    "cifar10": lambda raw: cifar10(raw / "cifar-10-batches-bin"),
    "digits": lambda raw: digits(),
    "photographs": lambda raw: photographs(),
}


def prepare(dataset: str, raw: Path, out: Path) -> None:
    """Write the arrays of `dataset`, a key of DATASETS, into `out`, a sealed npz; the downloaded files lie in `raw`.

    Raises UserError, which names it, for a file that is not the published one.
    """
    for source in SOURCES.get(dataset, ()):
        if fault := source.fault(raw / source.name):
            raise UserError(f"{raw / source.name} is not the published file ({fault}); delete it and run again")
    write_arrays(out, DATASETS[dataset](raw))
