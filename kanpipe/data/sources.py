"""Every file that the workflow downloads: where it is published, and what it must be."""

from dataclasses import dataclass
from pathlib import Path

from kanpipe import digests


@dataclass(frozen=True)
class Source:
    """A published file: its name below a mirror and below the data folder, its content, and its addresses."""

    name: str
    size: int  # in bytes
    sha256: str
    urls: tuple[str, ...] = ()
    archive: "Source | None" = None  # a tar file that has it under the same name

    def fault(self, path: Path) -> str:
        """What is wrong with the file at `path`, in words; empty when it is the published one."""
        size = path.stat().st_size
        if size != self.size:
            return f"{size:,} bytes instead of {self.size:,}"
        found = digests.sha256(path)
        return "" if found == self.sha256 else f"SHA-256 {found[:12]}... instead of {self.sha256[:12]}..."


def _mnist(name: str, size: int, sha256: str) -> Source:
    """A file of MNIST (LeCun, Cortes and Burges 1998), whose first home no longer gives it away."""
    places = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")
    return Source(f"mnist/{name}", size, sha256, tuple(f"{place}/{name}" for place in places))


def _fashion_mnist(name: str, size: int, sha256: str) -> Source:
    """A file of Fashion-MNIST (Xiao, Rasul and Vollgraf 2017), which has the names of the files of MNIST."""
    places = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
    )
    return Source(f"fashion_mnist/{name}", size, sha256, tuple(f"{place}/{name}" for place in places))


# CIFAR-10 (Krizhevsky 2009) in its binary layout: nothing of it has to be unpickled.
CIFAR10_ARCHIVE = Source(
    "cifar-10-binary.tar.gz",
    170052171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
)


def _cifar10(number: int, sha256: str) -> Source:
    """A training batch of 10,000 images; it is published in the archive alone."""
    return Source(f"cifar-10-batches-bin/data_batch_{number}.bin", 30730000, sha256, archive=CIFAR10_ARCHIVE)


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
    "fashion_mnist": (
        _fashion_mnist(
            "train-images-idx3-ubyte.gz", 26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        _fashion_mnist(
            "train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        _fashion_mnist(
            "t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        _fashion_mnist(
            "t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    ),
    "cifar10": (
        _cifar10(1, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
        _cifar10(2, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
        _cifar10(3, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
        _cifar10(4, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
        _cifar10(5, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
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
