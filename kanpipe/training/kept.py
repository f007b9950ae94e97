"""Unfinished work, kept in a hidden folder beside the outputs of its job: held by a lock, bound to an identity.

A workflow engine that removes a failed job's outputs does not know of the folder. So it survives, and the job goes on
where it was stopped; the folder is removed when there is nothing unfinished in it.
"""

import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from kanpipe.errors import UserError
from kanpipe.files import locked, read_json, write_json
from kanpipe.machine import Machine


class Kept:
    """The files of `folder` whose names match `pattern`; `identity`, which must be JSON, says of what they are."""

    def __init__(self, folder: Path, pattern: str, identity: dict[str, Any]) -> None:
        self.folder, self.pattern = folder, pattern
        self.identity = json.loads(json.dumps(identity))  # a tuple is a list when it is read again

    @contextmanager
    def held(self, taken: str) -> Iterator[None]:
        """Hold the folder, which is made, for this process alone; UserError that says `taken` while another does."""
        with locked(self.folder, taken):
            try:
                remove_partial_files(self.folder)
                if not self.files():
                    self.claim()
                yield
            finally:
                if not self.files():
                    # still holding the lock, so that nobody loses theirs
                    shutil.rmtree(self.folder, ignore_errors=True)

    def files(self) -> list[Path]:
        """What is unfinished."""
        return [path for path in self.folder.glob(self.pattern) if not path.name.startswith(".")]

    def claim(self) -> None:
        """Say that what is kept from now on is of this identity."""
        write_json(self.folder / "identity.json", self.identity)

    def differences(self, free: Collection[str] = ()) -> list[str]:
        """In what the identity of the kept files is another, a phrase each; the keys in `free` may differ."""
        path = self.folder / "identity.json"
        try:
            saved = read_json(path)
            return list(_differences(saved, self.identity | {key: saved.get(key) for key in free}))
        except (FileNotFoundError, UserError):
            return [f"{path.name} is missing or damaged"]

    def forget(self) -> None:
        """Remove what is unfinished; the folder goes with the lock."""
        for path in self.files():
            path.unlink()


def place(machine: Machine) -> dict[str, Any]:
    """What of a machine and its software an identity has, since numbers depend on it in their last digits."""
    return {"device": machine.name, "threads": machine.threads, "torch": str(torch.__version__)}


def remove_partial_files(folder: Path) -> None:
    """Remove what a killed process was writing."""
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
