"""Files that appear whole or not at all."""

import json
import logging
import os
import platform
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kanpipe.digests import seal, unsealed
from kanpipe.errors import UserError

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

log = logging.getLogger("kanpipe")

HOST = platform.node().partition(".")[0][:40]  # which the names of unfinished files have, with their process
HASHES = ("config_hash", "code", "commit")  # columns of the tables of runs


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it becomes `path` when the block ends well, and is removed when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    # The suffix stays, because writers such as numpy and matplotlib go by it.
    beside = path.with_name(f".{path.stem}.{HOST}-{os.getpid()}.partial{path.suffix}")
    try:
        yield beside
        with open(beside, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _remove_abandoned(path: Path) -> None:
    """Remove what killed processes of this machine have left of `path`; those of others may still be writing."""
    for left in path.parent.glob(f".{escape(path.stem)}.{escape(HOST)}-*.partial{escape(path.suffix)}"):
        writer = left.name.removesuffix(f".partial{path.suffix}").rpartition("-")[2]
        if writer.isdecimal() and not _is_running(int(writer)):
            left.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, and is somebody else's
        return True
    return True


@contextmanager
def locked(folder: Path, taken: str) -> Iterator[None]:
    """Hold `folder`, which is made, for this process alone; UserError that says `taken` while another one holds it."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")  # in the folder, so that it holds on a shared file system too
    try:
        lock.acquire(timeout=2)
    except Timeout:
        raise UserError(f"{taken}; wait until it ends or stop it, then run again") from None
    try:
        yield
    finally:
        lock.release()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; not-a-number is refused, since it is not JSON."""
    with atomic(path) as beside:
        beside.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; UserError when it is cut short or otherwise not JSON."""
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}); delete it and run again") from error


def read_arrays(path: Path) -> dict[str, "ndarray"]:
    """Read what `write_arrays` wrote; UserError when one bit of it is another, or it holds anything but arrays."""
    import numpy as np

    try:
        with unsealed(path) as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:  # TypeError: it is one array, no npz
        raise UserError(f"{path} is damaged ({error}); delete it and run again") from error


def write_arrays(path: Path, arrays: Mapping[str, Any], compressed: bool = False) -> None:
    """Write plain arrays as an npz that is sealed; equal arrays make equal bytes."""
    import numpy as np

    with atomic(path) as beside:
        (np.savez_compressed if compressed else np.savez)(beside, **arrays)
        seal(beside)


def read_remakable(path: Path) -> "dict[str, ndarray] | None":
    """The arrays of an npz that can be made anew: None when there is none, or, with a warning, when it is damaged."""
    if not path.exists():
        return None
    try:
        return read_arrays(path)
    except UserError:
        log.warning("%s is damaged and is made anew", path)
        return None


def read_table(path: Path) -> "DataFrame":
    """Read a CSV, hashes as text; UserError when it is empty or broken."""
    import pandas as pd

    try:
        # A hash such as 12345678e901 would pass for a number, and a variant called null for none.
        return pd.read_csv(path, dtype=dict.fromkeys(HASHES, str), keep_default_na=False, na_values=["", "nan"])
    except ValueError as error:  # of which pandas' own errors are
        said = " ".join(str(error).split())
        raise UserError(f"{path} is damaged ({said}); delete it and run again") from error


def write_table(path: Path, table: "DataFrame") -> None:
    """Write a table as CSV, without its index."""
    with atomic(path) as beside:
        table.to_csv(beside, index=False)
