"""Digests: what shows that a file is, bit for bit, the one that was written.

An archive (npz, checkpoint: both are zip files) carries the SHA-256 of all that stands before it at its end, as the
comment of the zip: it is sealed. Files of other formats have theirs in the record of their run.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

TAG = b"sha256:"
LENGTH = len(TAG) + 64  # bytes of the comment
CHUNK = 2**20  # bytes


def sha256(path: Path) -> str:
    """The digest of a file's bytes, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_json(value: Any) -> str:
    """The digest of a value that is JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def of_tensors(tensors: "Mapping[str, Tensor]") -> str:
    """The digest of tensors and of their names, for a network that is in no file."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def of_files(folder: Path) -> dict[str, str]:
    """The digest of every file in a folder by its name, hidden ones left out."""
    files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return {path.name: sha256(path) for path in sorted(files)}


def seal(path: Path) -> None:
    """Write the digest of a zip archive that has no comment yet at its end."""
    with open(path, "rb+") as file:
        size = file.seek(-2, os.SEEK_END) + 2
        file.write(LENGTH.to_bytes(2, "little"))  # the last entry of a zip is the length of its comment
        file.seek(0)
        digest = _digest(file, size)
        file.write(TAG + digest)


@contextmanager
def unsealed(path: Path) -> Iterator[IO[bytes]]:
    """The open archive, whose bytes are those that were sealed; ValueError, which says why, when they are not."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END) - LENGTH
        file.seek(0)
        found = _digest(file, max(size, 0))
        comment = file.read()
        if not comment.startswith(TAG):
            raise ValueError("it does not end with its SHA-256: it was cut, or another program or version wrote it")
        if comment != TAG + found:
            raise ValueError("its SHA-256 is not the one with which it was written")
        file.seek(0)  # what follows is read from the cache of the disk
        yield file


def seal_of(path: Path) -> str:
    """What a sealed archive says its digest is, which is checked when it is read; ValueError when it says nothing."""
    with open(path, "rb") as file:
        file.seek(-min(LENGTH, file.seek(0, os.SEEK_END)), os.SEEK_END)
        comment = file.read()
    if not comment.startswith(TAG):
        raise ValueError("it does not end with its SHA-256")
    return comment.removeprefix(TAG).decode("ascii", "replace")


def _digest(file: IO[bytes], count: int) -> bytes:
    """The digest of the next `count` bytes, in hexadecimal digits."""
    digest = hashlib.sha256()
    while count and (chunk := file.read(min(CHUNK, count))):
        digest.update(chunk)
        count -= len(chunk)
    return digest.hexdigest().encode()
