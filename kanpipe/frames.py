"""The frames that one stage leaves for the next: what was altered in between is refused.

Beside each stands its digest, as `sha256sum` writes it in the folder above. A frame without one, of an earlier version,
is read as it is.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from kanpipe import digests
from kanpipe.errors import UserError
from kanpipe.files import atomic, read_table, write_table

if TYPE_CHECKING:
    from pandas import DataFrame


def write_frame(path: Path, frame: "DataFrame") -> None:
    """Write a frame as CSV, and then its digest."""
    digest = _beside(path)
    digest.unlink(missing_ok=True)  # a kill in between leaves none rather than that of another frame
    write_table(path, frame)
    with atomic(digest) as beside:
        beside.write_text(_line(path))


def read_frame(path: Path) -> "DataFrame":
    """Read a frame; UserError when it is damaged, or of another experiment."""
    digest = _beside(path)
    if digest.exists() and digest.read_bytes() != _line(path).encode():
        raise UserError(f"{path} is damaged, or another ({digest.name} does not fit it); delete it and run again")
    return read_table(path)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _line(path: Path) -> str:
    """The digest of a frame, and whose it is."""
    return f"{digests.sha256(path)}  {path.parent.name}/{path.name}\n"
