"""Every file that the workflow downloads: where it is published, and what it must be."""

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A published file: its name below a mirror and below the data folder, its content, and its addresses."""

    name: str
    size: int  # in bytes
    sha256: str
    urls: tuple[str, ...]

    def fault(self, path: Path) -> str:
        """What is wrong with the file at `path`, in words; empty when it is the published one."""
        size = path.stat().st_size
        if size != self.size:
            return f"{size:,} bytes instead of {self.size:,}"
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        return "" if found == self.sha256 else f"SHA-256 {found[:12]}... instead of {self.sha256[:12]}..."


def _mnist(name: str, size: int, sha256: str) -> Source:
    """A file of MNIST (LeCun, Cortes and Burges 1998), whose first home no longer gives it away."""
    places = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")
    return Source(f"mnist/{name}", size, sha256, tuple(f"{place}/{name}" for place in places))


SOURCES: dict[str, tuple[Source, ...]] = {
    "mnist": (
        _mnist(
            "train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        _mnist("train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        _mnist(
            "t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        _mnist("t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
    "inception": (
        # The Inception of FID (TensorFlow, 2015-12-05) as torch-fidelity has converted it.
        Source(
            "inception/weights-inception-2015-12-05-6726825d.pth",
            95628359,
            "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
            (
                "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
                "weights-inception-2015-12-05-6726825d.pth",
            ),
        ),
    ),
}


def source(name: str) -> Source:
    """The source of the file called `name`; KeyError when there is none."""
    return {entry.name: entry for entries in SOURCES.values() for entry in entries}[name]
