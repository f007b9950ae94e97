"""Finished work, kept under second names in a hidden folder beside the outputs of its job.

A workflow engine that was killed takes the outputs that its orphaned jobs have written since for incomplete, and
deletes them; a touched script makes it delete them as well. So a job writes its results into a folder that the engine
does not know, and only then gives them the names of its outputs, as hard links, which need no room on the disk. When it
runs again with the same identity, the results are put in their place and nothing is computed.
"""

import logging
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kanpipe import digests
from kanpipe.errors import UserError
from kanpipe.files import atomic, read_json, write_json

log = logging.getLogger("kanpipe")

LIST = ".list.json"  # what is kept, of what identity: written last, so that without it nothing is finished


class Finished:
    """Results kept in `folder`, whose place is the folder above.

    `identity`, which is JSON, says of what they are; the keys in `free` may be others when they are taken again.
    """

    def __init__(self, folder: Path, identity: dict[str, Any], free: Collection[str] = ()) -> None:
        self.folder, self.identity, self._free = folder, identity, free

    @contextmanager
    def collected(self) -> Iterator[Path]:
        """An empty folder to write results into, which at the end of the block are kept and put in their place."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        yield self.folder
        files = digests.of_files(self.folder)
        write_json(self.folder / LIST, {"identity": self.identity, "files": files})
        self._place(files)

    def adopt(self) -> bool:
        """Put what is kept in its place; False when nothing is, or it is damaged or of another identity."""
        try:
            said = read_json(self.folder / LIST)
            if said["identity"] != self.identity | {key: said["identity"][key] for key in self._free}:
                return False
            if said["files"] != digests.of_files(self.folder):
                raise UserError(f"{self.folder} is damaged")
        except FileNotFoundError:
            return False
        except (UserError, KeyError, TypeError) as error:
            log.warning("what was finished is made anew: %s", error)
            return False
        self._place(said["files"])
        return True

    def _place(self, names: Iterable[str]) -> None:
        """Give the files their second names; the record of a run last, since it says that the others are there."""
        for name in sorted(names, key=lambda name: name == "run.json"):
            with atomic(self.folder.parent / name) as beside:
                _second_name(self.folder / name, beside)


def _second_name(path: Path, name: Path) -> None:
    """A hard link, or a copy where the file system has none."""
    try:
        os.link(path, name)
    except OSError:
        shutil.copyfile(path, name)
