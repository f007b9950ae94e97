"""Frames and datasets that one job leaves for the next: what was altered or swapped in between is refused.

Beside each stands its digest, as `sha256sum` writes it in the folder above. A file without one, of an earlier version,
is read as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kanpipe import digests
from kanpipe.errors import UserError
from kanpipe.files import atomic, read_table, write_table

if TYPE_CHECKING:
    from pandas import DataFrame


def write_frame(path: Path, frame: "DataFrame") -> None:
    """Write a frame as CSV, and then its digest."""
    with noted(path):
        write_table(path, frame)


def read_frame(path: Path) -> "DataFrame":
    """Read a frame; UserError when it is damaged, or of another experiment."""
    return read_table(checked(path))


@contextmanager
def noted(path: Path) -> Iterator[None]:
    """The file is written within; its digest is written after that."""
    digest = _beside(path)
    digest.unlink(missing_ok=True)  # a kill in between leaves none rather than that of another file
    yield
    with atomic(digest) as beside:
        beside.write_text(_line(path))


def checked(path: Path, moved: bool = False) -> Path:
    """The path of a file; UserError when it is damaged, or another under its name.

    One that is `moved` may lie in a folder of any name, as datasets do, which are copied to machines without network.
    """
    digest = _beside(path)
    if digest.exists():
        lines = [digest.read_text(errors="replace"), _line(path)]
        said, found = map(_without_folder, lines) if moved else lines
        if said != found:
            raise UserError(f"{path} is damaged, or another ({digest.name} does not fit it); delete it and run again")
    return path


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _without_folder(line: str) -> tuple[str, str]:
    """The digest in a line, and the name of the file."""
    return line.partition(" ")[0], line.rpartition("/")[2]


def _line(path: Path) -> str:
    """The digest of a file, and what it is called."""
    return f"{digests.sha256(path)}  {path.parent.name}/{path.name}\n"
