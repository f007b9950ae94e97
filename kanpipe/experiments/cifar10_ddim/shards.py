"""Finished parts of a long job, kept beside its output until that is written whole.

They live in a hidden folder. A workflow engine that removes a failed job's outputs does not know of it, so they
survive, and the job goes on where it was stopped.
"""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kanpipe.errors import UserError
from kanpipe.files import atomic, locked, read_arrays, read_json, write_json

log = logging.getLogger("kanpipe")


class Shards:
    """The parts of `out`, each a few arrays; `identity` says of what they are, and must be JSON."""

    def __init__(self, out: Path, identity: dict[str, Any]) -> None:
        self.out, self.identity = out, identity
        self.folder = out.with_name(f".{out.stem}")

    @contextmanager
    def held(self) -> Iterator["Shards"]:
        """Hold the parts for this process alone, and drop those of another identity, which nobody will ask for.

        Raises UserError while another process holds them.
        """
        with locked(self.folder, f"another process is writing {self.out}"):
            try:
                self._drop_strangers()
                yield self
            finally:
                if not any(self.folder.glob("*.npz")):
                    # still holding the lock, so that nobody loses theirs
                    shutil.rmtree(self.folder, ignore_errors=True)

    def __contains__(self, name: str) -> bool:
        return self._path(name).exists()

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of a part; None when it is not there, or damaged."""
        if name not in self:
            return None
        try:
            return read_arrays(self._path(name))
        except UserError:
            log.warning("%s is damaged and is made anew", self._path(name))
            return None

    def save(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        """Keep the arrays of a part."""
        with atomic(self._path(name)) as beside:
            np.savez(beside, **arrays)

    def remove(self) -> None:
        """Forget all parts, since the output is whole; the folder goes with the lock."""
        for path in self.folder.glob("*.npz"):
            path.unlink()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"

    def _drop_strangers(self) -> None:
        """Leave nothing but parts of this identity, and what a killed process was writing of them neither."""
        path = self.folder / "identity.json"
        differing = _differing(path, self.identity)
        if differing and any(self.folder.glob("[!.]*.npz")):
            log.info("%s: begun anew, since what lay in %s had another %s", self.out, self.folder, differing)
        for part in self.folder.glob("*.npz" if differing else ".*.partial*"):
            part.unlink()
        write_json(path, self.identity)


def _differing(path: Path, identity: dict[str, Any]) -> str:
    """The keys whose values in the file are others; all of them when there is no such file."""
    try:
        saved = read_json(path)
    except (FileNotFoundError, UserError):
        saved = {}
    return ", ".join(key for key in identity if key not in saved or saved[key] != identity[key])
