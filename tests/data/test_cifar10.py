"""CIFAR-10 from its records, and its batches out of their archive."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from kanpipe.data.cifar10 import FILES, cifar10, read_batch
from kanpipe.data.fetch import fetch
from kanpipe.data.sources import SOURCES, Source
from kanpipe.errors import UserError

NAME = "cifar-10-batches-bin/data_batch_1.bin"


def batch(images, labels):
    """Records written pixel by pixel: the label, then all red values by rows, the green, the blue."""
    return b"".join(
        bytes([label, *image.transpose(2, 0, 1).ravel()]) for image, label in zip(images, labels, strict=True)
    )


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)


def test_records_come_back_as_images(tmp_path, images):
    labels = [3, 0, 9, 1, 1, 2, 5]
    (tmp_path / "a.bin").write_bytes(batch(images, labels))
    found, marks = read_batch(tmp_path / "a.bin")
    np.testing.assert_array_equal(found, images)
    assert marks.tolist() == labels and marks.dtype == np.uint8


def test_batches_follow_one_another(tmp_path, images):
    for number, file in enumerate(FILES):
        (tmp_path / file).write_bytes(batch(images[number : number + 1], [number]))
    arrays = cifar10(tmp_path)
    np.testing.assert_array_equal(arrays["train_images"], images[:5])
    assert arrays["train_labels"].tolist() == [0, 1, 2, 3, 4]
    assert arrays["test_images"].shape == (0, 32, 32, 3)


@pytest.mark.parametrize("content", [b"", b"\x00" * 3072, b"\x00" * 3074, b"\x0a" + b"\x00" * 3072])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(UserError, match="a.bin is not a batch of CIFAR-10"):
        read_batch(tmp_path / "a.bin")


def packed(folder, members):
    """A source whose archive, in the folder `mirror`, has the members {name: bytes}."""
    folder.mkdir()
    with tarfile.open(folder / "all.tar.gz", "w:gz") as files:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            files.addfile(entry, io.BytesIO(content))
    whole = (folder / "all.tar.gz").read_bytes()
    return Source("all.tar.gz", len(whole), hashlib.sha256(whole).hexdigest())


def of(archive, content):
    return Source(NAME, len(content), hashlib.sha256(content).hexdigest(), archive=archive)


def test_batch_comes_out_of_the_archive_and_nothing_else_does(tmp_path):
    absolute = str(tmp_path / "outside")
    members = {"../outside": b"x", absolute: b"x", NAME: b"content", "cifar-10-batches-bin/other": b"y"}
    archive = packed(tmp_path / "mirror", members)
    path = fetch(of(archive, b"content"), tmp_path / "data", str(tmp_path / "mirror"))
    assert path.read_bytes() == b"content"
    found = {
        str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file() and each.suffix != ".lock"
    }
    assert found == {"mirror/all.tar.gz", "data/all.tar.gz", f"data/{NAME}"}


def test_batch_in_the_mirror_needs_no_archive(tmp_path):
    (tmp_path / "mirror" / NAME).parent.mkdir(parents=True)
    (tmp_path / "mirror" / NAME).write_bytes(b"content")
    source = of(Source("all.tar.gz", 1, "0"), b"content")
    assert fetch(source, tmp_path / "data", str(tmp_path / "mirror")).read_bytes() == b"content"


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"other": b"content"}, "has no file cifar-10-batches-bin/data_batch_1.bin"),
        ({NAME: b"CONTENT"}, "refused, SHA-256 .*; delete the archive and run again"),
        ({NAME: b"content and more"}, "refused, 8 bytes instead of 7"),
    ],
)
def test_archive_without_the_batch_is_named(tmp_path, members, fault):
    archive = packed(tmp_path / "mirror", members)
    with pytest.raises(UserError, match=fault):
        fetch(of(archive, b"content"), tmp_path / "data", str(tmp_path / "mirror"))
    assert not (tmp_path / "data" / NAME).exists()


def test_damaged_archive_is_refused_before_it_is_opened(tmp_path):
    archive = packed(tmp_path / "mirror", {NAME: b"content"})
    (tmp_path / "mirror/all.tar.gz").write_bytes(b"no archive")
    with pytest.raises(UserError, match="all.tar.gz cannot be had"):
        fetch(of(archive, b"content"), tmp_path / "data", str(tmp_path / "mirror"))


MIRROR = Path(os.environ.get("KANPIPE_MIRROR", "/nowhere"))


@pytest.mark.skipif(not (MIRROR / "cifar-10-batches-bin").exists(), reason="needs a folder with CIFAR-10")
def test_real_batches_are_those_that_are_expected():
    for source in SOURCES["cifar10"]:
        assert not source.fault(MIRROR / source.name)
    arrays = cifar10(MIRROR / "cifar-10-batches-bin")
    assert np.bincount(arrays["train_labels"]).tolist() == [5000] * 10
    # the mean colour that everybody normalises with: 0.4914, 0.4822, 0.4465
    np.testing.assert_allclose(arrays["train_images"].mean(axis=(0, 1, 2)) / 255, [0.4914, 0.4822, 0.4465], atol=5e-5)
