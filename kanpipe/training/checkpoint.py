"""The checkpoint of a training: the state from which it goes on, and then its results, in the run's folder."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from kanpipe.digests import seal, unsealed
from kanpipe.errors import UserError
from kanpipe.files import atomic
from kanpipe.training.finished import Finished
from kanpipe.training.kept import Kept, remove_partial_files

log = logging.getLogger("kanpipe")


class Checkpoint:
    """The state of an unfinished run, and the results of a finished one.

    `identity`, which must be JSON, says which run, and where, may go on from the state or take the results for its own.

    With `elsewhere` a run may go on on another model of CPU or GPU, and its last bytes are others then.
    """

    def __init__(self, folder: Path, identity: dict[str, Any], elsewhere: bool = False) -> None:
        self.folder, self.elsewhere = folder / ".checkpoint", elsewhere
        self.path = self.folder / "state.pt"
        self._kept = Kept(self.folder, self.path.name, identity)
        self._free = ("device",) if elsewhere else ()
        self._finished = Finished(folder / ".trained", self._kept.identity, self._free)

    @contextmanager
    def held(self) -> Iterator["Checkpoint"]:
        """Hold the checkpoint for this process alone; UserError while another one trains the same run."""
        with self._kept.held(f"another process is training into {self.folder.parent}"):
            remove_partial_files(self.folder.parent)
            yield self

    def load(self) -> dict[str, Any] | None:
        """The saved state, None when there is none; UserError when a bit of it is another, or it is of another run."""
        if not self.path.exists():
            return None
        self._check()
        try:
            with unsealed(self.path) as file:
                return torch.load(file, weights_only=True, map_location="cpu")
        except Exception as error:
            raise UserError(f"{self.path} is damaged; delete {self.folder} to train from the start") from error

    def _check(self) -> None:
        """UserError when the state is of another run; one that may go on elsewhere is of this device from now on."""
        differences, others = self._kept.differences(), self._kept.differences(free=("device",))
        if others or (differences and not self.elsewhere):
            moved = "" if others else " (with resume_elsewhere: true it goes on here, with other last bytes)"
            raise UserError(
                f"{self.path} is of another run: {'; '.join(differences)}. "
                f"Delete {self.folder} to train from the start, or restore what changed to go on from it{moved}"
            )
        if differences:
            log.warning("%s goes on elsewhere: %s", self.folder.parent, differences[0])
            self._kept.claim()

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state; OSError, with the old one kept, when it cannot be written."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        with atomic(self.path) as beside:
            beside.write_bytes(buffer.getbuffer())
            seal(beside)

    def finished(self) -> bool:
        """Whether the run had ended before: then its results are in their place, as `results` has kept them."""
        if not self._finished.adopt():
            return False
        log.info("%s: was finished before, with the same settings, code, data and machine", self.folder.parent)
        self._remove()
        return True

    @contextmanager
    def results(self) -> Iterator[Path]:
        """A folder to write the results into: at the end of the block they are in their place, and kept."""
        with self._finished.collected() as folder:
            yield folder
        self._remove()

    def _remove(self) -> None:
        """Forget the state, if it is of this run, since that has its results; the folder goes with the lock."""
        if not self._kept.differences(self._free):
            self._kept.forget()
