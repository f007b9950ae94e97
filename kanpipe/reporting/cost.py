"""What the jobs of an experiment cost, from the benchmark files of their rules."""

from pathlib import Path

import pandas as pd

from kanpipe.reporting.tables import Table
from kanpipe.runs import Record

COLUMNS = ["experiment", "stage", "jobs", "minutes", "longest_minutes", "peak_memory_mib", "disk_mib"]


def cost_table(benchmarks: dict[str, list[Path]], folders: dict[str, Path]) -> Table:
    """A row a stage and one for the whole of each experiment.

    `benchmarks` has the files of each experiment, named <stage>.tsv or <stage>_<variant>_seed<k>.tsv, and `folders`
    the folder of its results.
    """
    rows = []
    for experiment, paths in benchmarks.items():
        jobs = pd.concat([_read(path, folders[experiment]) for path in paths], ignore_index=True)
        stages = [*jobs.groupby("stage", sort=False), ("all", jobs)]
        rows += [{"experiment": experiment, "stage": stage, **_sums(group)} for stage, group in stages]
        rows[-1]["disk_mib"] = _disk_mib(folders[experiment])
    numbers = pd.DataFrame(rows, columns=COLUMNS)
    text = numbers.round(1).astype(object).where(numbers.notna(), "").astype(str)
    devices = sorted(set().union(*map(_devices, folders.values())))
    note = f"Minutes are summed over jobs, which may have run side by side. Trained on {', '.join(devices)}."
    return Table(numbers, text.rename(columns=lambda c: c.replace("_", " ")), note if devices else "")


def _read(path: Path, folder: Path) -> pd.DataFrame:
    """One job; a training that was resumed, or found finished, took what its record says of all sittings."""
    stage, _, name = path.stem.partition("_")
    jobs = pd.read_csv(path, sep="\t", na_values="-").assign(stage=stage)
    run = folder.joinpath(*name.rsplit("_", 1))
    if stage == "train" and (run / "run.json").exists():
        jobs["s"] = jobs["s"].clip(lower=Record.read(run).seconds)
    return jobs


def _sums(jobs: pd.DataFrame) -> dict[str, float]:
    minutes = jobs["s"] / 60
    return {
        "jobs": len(jobs),
        "minutes": minutes.sum(),
        "longest_minutes": minutes.max(),
        "peak_memory_mib": jobs["max_rss"].max(),
    }


def _devices(folder: Path) -> set[str]:
    return {Record.read(path.parent).device for path in folder.glob("*/seed*/run.json")}


def _disk_mib(folder: Path) -> float:
    """What all files take; one that has several names counts once."""
    files = (path.stat() for path in folder.rglob("*") if path.is_file())
    return sum({file.st_ino: file.st_size for file in files}.values()) / 2**20
