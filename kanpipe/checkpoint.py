"""The checkpoint of a training: held by a lock, bound to its run, written whole.

It lives in `.checkpoint/` of the run's folder. A workflow engine that removes a failed job's outputs does not know
of it, so it survives; it is removed when the run has written its results.
"""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from kanpipe.errors import UserError
from kanpipe.files import atomic, locked


class Checkpoint:
    """The state of an unfinished run; `identity` says which run, on which machine, may go on from it."""

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder = folder / ".checkpoint"
        self.path = self.folder / "state.pt"
        self.identity = identity

    @contextmanager
    def held(self) -> Iterator["Checkpoint"]:
        """Hold the checkpoint for this process alone; UserError while another one trains the same run."""
        with locked(self.folder, f"another process is training into {self.folder.parent}"):
            try:
                for folder in (self.folder, self.folder.parent):
                    _remove_partial_files(folder)
                yield self
            finally:
                if not self.path.exists():
                    # still holding the lock, so that nobody loses theirs
                    shutil.rmtree(self.folder, ignore_errors=True)

    def load(self) -> dict[str, Any] | None:
        """The saved state, None when there is none; UserError when it is damaged or of another run."""
        if not self.path.exists():
            return None
        try:
            saved = torch.load(self.path, weights_only=True, map_location="cpu")
            identity, state = saved["identity"], saved["state"]
        except Exception as error:
            raise UserError(f"{self.path} is damaged; delete {self.folder} to train from the start") from error
        differences = list(_differences(identity, self.identity))
        if differences:
            raise UserError(
                f"{self.path} is of another run: {'; '.join(differences)}. "
                f"Delete {self.folder} to train from the start, or restore what changed to go on from it"
            )
        return state

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state; OSError, with the old one kept, when it cannot be written."""
        buffer = io.BytesIO()
        torch.save({"identity": self.identity, "state": state}, buffer)
        with atomic(self.path) as beside:
            beside.write_bytes(buffer.getbuffer())

    def remove(self) -> None:
        """Forget the state, since the run has its results; the folder goes with the lock."""
        self.path.unlink(missing_ok=True)


def _remove_partial_files(folder: Path) -> None:
    """What a killed process was writing."""
    for path in folder.glob(".*.partial*"):
        path.unlink(missing_ok=True)


def _differences(saved: Any, wanted: Any, path: str = "") -> Iterator[str]:
    """What differs between two nested dictionaries, a phrase each."""
    if isinstance(saved, dict) and isinstance(wanted, dict):
        for key in sorted(saved.keys() | wanted.keys()):
            if key != "config_hash":  # it differs whenever something else does
                yield from _differences(saved.get(key), wanted.get(key), f"{path}.{key}" if path else key)
    elif saved != wanted:
        yield f"{path} was {saved!r} and is {wanted!r}"
