"""Weights and samples of kept runs, offered beside the repository, which says what they must be.

    python -m kanpipe.reporting.shipped results/paper swiss_roll shipped

copies those of the runs in results/paper that are kept into the folder `shipped`, each with its record, to be uploaded
as it is, and adds them to results/reference/shipped.csv: path, size in bytes, SHA-256. A folder that was fetched is
read as any run: `FinishedRun.read(folder).tensors("weights.safetensors")`.
"""

import argparse
import csv
import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from kanpipe.data.sources import Source
from kanpipe.errors import UserError
from kanpipe.experiments.protocol import SAMPLED
from kanpipe.files import atomic, read_table
from kanpipe.runs import Record

REFERENCE = Path(__file__).parents[2] / "results/reference"
MANIFEST = "shipped.csv"
FOLDER = "reference"  # below the data folder, and below the place that offers the files
RECORDS = ("run.json", SAMPLED)
NAMES = ("weights.safetensors", "samples.npz")  # which are offered where they are small enough
LARGEST = 5 * 2**20  # bytes of a file that is small enough to be offered


def offered(reference: Path = REFERENCE) -> list[Source]:
    """What is offered, as files below the data folder; UserError when the manifest is damaged."""
    path = reference / MANIFEST
    if not path.exists():
        return []
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return [Source(f"{FOLDER}/{row['path']}", int(row["size"]), row["sha256"]) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}); restore it from the repository") from error


def ship(results: Path, experiment: str, out: Path, reference: Path = REFERENCE) -> list[Path]:
    """Copy files of kept runs into `out`, add them to the manifest, and return their paths there.

    A run in `results` that is not the kept one, by its settings, code and device, is left out. Raises UserError when
    nothing of the experiment is kept, or none of the kept runs is in `results`.
    """
    from kanpipe.reporting.folders import record_path  # with pandas, which rules do without

    kept = reference / experiment / "runs.csv"
    if not kept.exists():
        raise UserError(f"{kept} is not there; keep runs of {experiment} first (python -m kanpipe.reporting.reference)")
    copied = []
    for _, row in read_table(kept).iterrows():
        run = results / experiment / str(row["variant"]) / f"seed{row['seed']}"
        if (run / "run.json").exists() and _is_kept(Record.read(run), row):
            record = record_path(row)
            copied += list(_copied(run, out, Path(experiment, str(row["variant"]), record.stem)))
    if not copied:
        raise UserError(f"{results} has no kept run of {experiment}, so there is nothing to offer")
    _add(reference / MANIFEST, out, copied)
    return copied


def _is_kept(record: Record, row: object) -> bool:
    return all(getattr(record, key) == row[key] for key in ("config_hash", "code", "device"))  # type: ignore[index]


def _copied(run: Path, out: Path, place: Path) -> Iterator[Path]:
    """Copy what is small enough of a run, and its records with it; the paths below `out`."""
    small = [name for name in NAMES if (run / name).exists() and (run / name).stat().st_size <= LARGEST]
    for name in [name for name in RECORDS if small and (run / name).exists()] + small:
        target = out / FOLDER / place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / name, target)
        yield place / name


def _add(manifest: Path, out: Path, paths: list[Path]) -> None:
    """Write the manifest with these files beside those that it has, or in their place."""
    known = {
        source.name.removeprefix(f"{FOLDER}/"): (source.size, source.sha256) for source in offered(manifest.parent)
    }
    for path in paths:
        content = (out / FOLDER / path).read_bytes()
        known[path.as_posix()] = (len(content), hashlib.sha256(content).hexdigest())
    with atomic(manifest) as beside, open(beside, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("path", "size", "sha256"))
        writer.writerows((path, *found) for path, found in sorted(known.items()))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("results", type=Path, help="for example results/paper")
    options.add_argument("experiment", help="for example swiss_roll")
    options.add_argument("out", type=Path, help="the folder that is to be uploaded")
    chosen = options.parse_args()
    try:
        copied = ship(chosen.results, chosen.experiment, chosen.out)
    except UserError as error:
        sys.exit(f"kanpipe: {error}")
    print(f"{len(copied)} files in {chosen.out / FOLDER}, and in {REFERENCE / MANIFEST}")


if __name__ == "__main__":
    main()
