"""MNIST and Fashion-MNIST: their file format, the published files, binarisation."""

import gzip
import hashlib
import os
import struct

import numpy as np
import pytest

from kanpipe.data.classes import class_names
from kanpipe.data.fetch import fetch
from kanpipe.data.mnist import FILES, binarise, mnist, read_idx
from kanpipe.data.prepare import prepare
from kanpipe.data.prepared import load
from kanpipe.data.sources import SOURCES, Source
from kanpipe.errors import UserError

MIRROR = os.environ.get("KANPIPE_MIRROR")
PUBLISHED_MD5 = {  # as torchvision and others state them
    "mnist/train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "mnist/train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "mnist/t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "mnist/t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    "fashion_mnist/train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "fashion_mnist/train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "fashion_mnist/t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "fashion_mnist/t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
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
    with pytest.raises(UserError, match="there must be as many labels as images, of 28 x 28 pixels"):
        mnist(written(tmp_path, **fault))


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_raw_file_that_is_not_the_published_one_is_refused_by_name(tmp_path, dataset):
    (tmp_path / dataset).mkdir()
    written(tmp_path / dataset)
    with pytest.raises(UserError, match=rf"/{dataset}/train-images-idx3-ubyte.gz is not the published file"):
        prepare(dataset, tmp_path, tmp_path / "out.npz")
    assert not (tmp_path / "out.npz").exists()


def source_of(path, name):
    content = path.read_bytes()
    return Source(name, len(content), hashlib.sha256(content).hexdigest())


def test_datasets_with_the_same_names_of_files_are_kept_apart(tmp_path, monkeypatch):
    for dataset, images in {"mnist": 5, "fashion_mnist": 7}.items():
        (tmp_path / dataset).mkdir()
        written(tmp_path / dataset, (images, 28, 28), images)
        made = tuple(source_of(tmp_path / source.name, source.name) for source in SOURCES[dataset])
        monkeypatch.setitem(SOURCES, dataset, made)
    for dataset, images in {"mnist": 5, "fashion_mnist": 7}.items():
        prepare(dataset, tmp_path, tmp_path / f"{dataset}.npz")
        data = load(tmp_path / f"{dataset}.npz")
        assert data.train_images.shape == data.test_images.shape == (images, 28, 28)
        assert data.train_labels.shape == data.test_labels.shape == (images,)
    names = [source.name for sources in SOURCES.values() for source in sources]
    assert len(set(names)) == len(names)


def test_labels_have_names():
    assert class_names("mnist") == class_names("digits") == tuple("0123456789")
    assert len(set(class_names("fashion_mnist"))) == 10 and class_names("fashion_mnist")[9] == "ankle boot"


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
        assert hashlib.md5(path.read_bytes()).hexdigest() == PUBLISHED_MD5[entry.name]
    prepare("mnist", tmp_path, tmp_path / "mnist.npz")
    data = load(tmp_path / "mnist.npz")
    assert (len(data.train_images), len(data.test_images)) == (60_000, 10_000)
    # mean and deviation of the pixels, by which everybody standardises MNIST, with the digits that are printed
    scaled = data.train_images / 255
    assert round(scaled.mean(), 4) == 0.1307 and round(scaled.std(), 4) == 0.3081
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(data.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
