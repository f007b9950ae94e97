"""Finished parts of a long job, kept in a hidden folder beside its output until that is written whole."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kanpipe.files import read_remakable, write_arrays
from kanpipe.training.finished import Finished
from kanpipe.training.kept import Kept

log = logging.getLogger("kanpipe")


class Shards:
    """The parts of `out`, each a few arrays; `identity`, which must be JSON, says of what they are."""

    def __init__(self, out: Path, identity: dict[str, Any]) -> None:
        self.out = out
        self._kept = Kept(out.with_name(f".{out.stem}"), "*.npz", identity)
        self._finished = Finished(out.with_name(".sampled"), self._kept.identity)

    @contextmanager
    def held(self) -> Iterator["Shards"]:
        """Hold the parts for this process alone, and drop those of another identity, which nobody will ask for.

        Whoever finds the job `finished` has nothing to do.

        Raises UserError while another process holds them.
        """
        with self._kept.held(f"another process is writing {self.out}"):
            if differences := self._kept.differences():
                words = (self.out, self._kept.folder, "; ".join(differences))
                log.info("%s: begun anew, since what lay in %s is of another: %s", *words)
                self._kept.forget()
                self._kept.claim()
            yield self

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
        """A name to write the output to: at the end of the block it is in its place, kept, and the parts forgotten."""
        with self._finished.collected() as folder:
            yield folder / self.out.name
        self._kept.forget()

    def _path(self, name: str) -> Path:
        return self._kept.folder / f"{name}.npz"
