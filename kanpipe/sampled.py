"""Whose samples are whose: a record beside them says of which training they are, and what their bytes must be."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kanpipe import digests
from kanpipe.errors import UserError
from kanpipe.experiments.protocol import SAMPLED
from kanpipe.files import read_json, write_json
from kanpipe.runs import FinishedRun


def claim(run: FinishedRun, names: Iterable[str]) -> None:
    """Write that the files of these names in the run's folder were sampled from the run."""
    files = {name: digests.sha256(run.folder / name) for name in names}
    write_json(run.folder / SAMPLED, {"run": _identity(run), "files": files})


def read_runs(records: Iterable[str], samples: Iterable[str]) -> list[FinishedRun]:
    """The runs of these records; UserError when one of the samples was not drawn from the run that it lies beside."""
    runs = {folder: FinishedRun.read(folder) for folder in (Path(record).parent for record in records)}
    for path in map(Path, samples):
        if path.name != SAMPLED:
            _check(path, runs[path.parent])
    return list(runs.values())


def _check(path: Path, run: FinishedRun) -> None:
    record = path.with_name(SAMPLED)
    said = read_json(record)
    if said.get("run") != _identity(run):
        raise UserError(f"{record} is damaged, or of another run than run.json beside it; delete it and run again")
    if said.get("files", {}).get(path.name) != digests.sha256(path):
        raise UserError(
            f"{path} is damaged, or of another run (its SHA-256 is not the one in {SAMPLED}); delete it and run again"
        )


def _identity(run: FinishedRun) -> dict[str, Any]:
    """What makes a run another one: its name, and the bytes that its training left."""
    return run.record.entries("experiment", "variant", "seed") | {"trained": run.record.files}
