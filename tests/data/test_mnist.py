"""MNIST: its file format, the published files, binarisation."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from kanpipe.data.fetch import fetch
from kanpipe.data.mnist import FILES, binarise, mnist, read_idx
from kanpipe.data.prepare import prepare
from kanpipe.data.prepared import load
from kanpipe.data.sources import SOURCES
from kanpipe.errors import UserError

MIRROR = os.environ.get("KANPIPE_MIRROR")
PUBLISHED_MD5 = {  # as torchvision and others state them
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


def idx(array, kind=0x08):
    """The format as its description has it: magic number, big-endian lengths, entries row by row."""
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


def write(path, content):
    path.write_bytes(gzip.compress(content))
    return path


@pytest.mark.parametrize("shape", [(4,), (3, 28, 28), (0, 28, 28)])
def test_idx_comes_back(tmp_path, shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    read = read_idx(write(tmp_path / "a.gz", idx(array)))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


WHOLE = idx(np.zeros((3, 4, 5), np.uint8))


DAMAGED = {
    "cut": gzip.compress(WHOLE)[:-9],
    "empty": b"",
    "no gzip": b"not gzip at all",
    "four bytes changed": gzip.compress(WHOLE)[:20] + b"????" + gzip.compress(WHOLE)[24:],
    "an entry too few": gzip.compress(WHOLE[:-1]),
    "an entry too many": gzip.compress(WHOLE + b"!"),
    "half a header": gzip.compress(WHOLE[:6]),
    "nothing in it": gzip.compress(b""),
    "floats": gzip.compress(idx(np.zeros(3, np.uint8), kind=0x0D)),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)  # gzip writes the time: bytes are no names
def test_damaged_idx_is_told_with_its_file(tmp_path, content):
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"^{path} is .*; delete it and run again$"):
        read_idx(path)


def written(folder, images=(5, 28, 28), labels=5):
    for name, file in FILES.items():
        shape = images if name.endswith("images") else (labels,)
        write(folder / file, idx(np.full(shape, len(name), np.uint8)))
    return folder


def test_four_files_make_four_arrays(tmp_path):
    arrays = mnist(written(tmp_path))
    assert {name: array.shape for name, array in arrays.items()} == {
        "train_images": (5, 28, 28), "train_labels": (5,), "test_images": (5, 28, 28), "test_labels": (5,)
    }  # fmt: skip
    assert arrays["test_labels"][0] == len("test_labels"), "every array must come from its own file"


@pytest.mark.parametrize("fault", [{"images": (5, 27, 28)}, {"labels": 4}])
def test_files_that_do_not_belong_together_are_refused(tmp_path, fault):
    with pytest.raises(UserError, match="which is not MNIST"):
        mnist(written(tmp_path, **fault))


def test_raw_file_that_is_not_the_published_one_is_refused_by_name(tmp_path):
    (tmp_path / "mnist").mkdir()
    written(tmp_path / "mnist")
    with pytest.raises(UserError, match=r"mnist/train-images-idx3-ubyte.gz is not the published file"):
        prepare("mnist", tmp_path, tmp_path / "mnist.npz")
    assert not (tmp_path / "mnist.npz").exists()


def test_pixels_above_the_threshold_are_one():
    grey = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(binarise(grey), grey >= 128)
    np.testing.assert_array_equal(binarise(grey, 0.0), grey > 0)
    np.testing.assert_array_equal(binarise(grey, 0.2), grey > 51)  # 51 / 255 is 0.2, and not above it
    assert binarise(grey).dtype == np.uint8


def test_bad_binarisation_is_refused():
    with pytest.raises(ValueError, match="threshold is 1.5; it must be at least 0 and below 1"):
        binarise(np.zeros(3, np.uint8), 1.5)
    with pytest.raises(TypeError, match="uint8, 0 ... 255, not float64"):
        binarise(np.zeros(3))


@pytest.mark.skipif(MIRROR is None, reason="needs a folder or URL with MNIST, named by KANPIPE_MIRROR")
def test_published_files_become_the_published_arrays(tmp_path):
    for entry in SOURCES["mnist"]:
        path = fetch(entry, tmp_path, MIRROR)
        assert hashlib.md5(path.read_bytes()).hexdigest() == PUBLISHED_MD5[Path(entry.name).name]
    prepare("mnist", tmp_path, tmp_path / "mnist.npz")
    data = load(tmp_path / "mnist.npz")
    assert (len(data.train_images), len(data.test_images)) == (60_000, 10_000)
    # mean and deviation of the pixels, by which everybody standardises MNIST, with the digits that are printed
    scaled = data.train_images / 255
    assert round(scaled.mean(), 4) == 0.1307 and round(scaled.std(), 4) == 0.3081
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(data.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
