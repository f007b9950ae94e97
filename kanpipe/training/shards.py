"""Finished parts of a long job, kept in a hidden folder beside its output until that is written whole."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kanpipe import digests
from kanpipe.files import locked, read_remakable, write_arrays
from kanpipe.training.finished import Finished
from kanpipe.training.kept import remove_partial_files

log = logging.getLogger("kanpipe")


class Shards:
    """The parts of `out`, each a few arrays; `identity`, which must be JSON, says of what they are.

    Parts of every identity have a folder of their own, so that a job that is tried again on another machine, and then
    on the first again, finds there what it had left.
    """

    def __init__(self, out: Path, identity: dict[str, Any]) -> None:
        self.out, self.folder = out, out.with_name(f".{out.stem}")
        known = json.loads(json.dumps(identity))  # a tuple is a list when it is read again
        self._own = self.folder / digests.of_json(known)[:16]
        self._finished = Finished(out.with_name(".sampled"), known)

    @contextmanager
    def held(self) -> Iterator["Shards"]:
        """Hold the parts for this process alone. Whoever finds the job `finished` has nothing to do.

        Raises UserError while another process holds them.
        """
        with locked(self.folder, f"another process is writing {self.out}"):
            remove_partial_files(self._own)
            others = {path.parent.name for path in self._all()} - {self._own.name}
            if others and not self._own.exists():
                words = (self.out, self.folder)
                log.info("%s: begun anew; what is in %s is of other settings, weights or another machine", *words)
            try:
                yield self
            finally:
                if not self._all():
                    # still holding the lock, so that nobody loses theirs
                    shutil.rmtree(self.folder, ignore_errors=True)

    def __contains__(self, name: str) -> bool:
        return self._path(name).exists()

    def load(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of a part; None when it is not there, or damaged."""
        return read_remakable(self._path(name))

    def save(self, name: str, arrays: dict[str, Any]) -> None:
        """Keep the arrays of a part."""
        write_arrays(self._path(name), arrays)

    def finished(self) -> bool:
        """Whether the output was whole before: then it is in its place, as `results` has kept it."""
        return self._finished.adopt()

    @contextmanager
    def results(self) -> Iterator[Path]:
        """A name to write the output to: at the end of the block it is in its place, kept, and all parts forgotten."""
        with self._finished.collected() as folder:
            yield folder / self.out.name
        for path in self._all():
            path.unlink()

    def _all(self) -> list[Path]:
        """The parts of every identity."""
        return [path for path in self.folder.glob("*/*.npz") if not path.name.startswith(".")]

    def _path(self, name: str) -> Path:
        return self._own / f"{name}.npz"
