"""What the jobs of an experiment cost, from the benchmark files of their rules."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

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
        rows += _rows(experiment, _jobs(paths, folders[experiment]), _disk_mib(folders[experiment]))
    return _table(rows, set().union(*map(_devices, folders.values())))


def kept_cost_table(experiment: str, benchmarks: list[Path], folder: Path, runs: pd.DataFrame) -> Table:
    """The same of an experiment that is kept in parts, each with its own benchmark files and folder: of these, and of
    the trainings in all kept `runs`.
    """
    trained = {"stage": "train", "s": 60 * runs["minutes"], "max_rss": runs["peak_memory_mib"]}
    jobs = _jobs(benchmarks, folder).query("stage != 'train'")
    rows = _rows(experiment, pd.concat([jobs, pd.DataFrame(trained)]), math.nan)
    table = _table(rows, set(runs["device"]))
    return replace(table, note=f"{table.note} Trainings: all that are kept; other stages: of the part kept last.")


def _jobs(paths: list[Path], folder: Path) -> pd.DataFrame:
    return pd.concat([_read(path, folder) for path in paths], ignore_index=True)


def _rows(experiment: str, jobs: pd.DataFrame, disk_mib: float) -> list[dict[str, Any]]:
    stages = [*jobs.groupby("stage", sort=False), ("all", jobs)]
    rows = [{"experiment": experiment, "stage": stage, **_sums(group)} for stage, group in stages]
    rows[-1]["disk_mib"] = disk_mib
    return rows


def _table(rows: list[dict[str, Any]], devices: set[str]) -> Table:
    numbers = pd.DataFrame(rows, columns=COLUMNS)
    text = numbers.round(1).astype(object).where(numbers.notna(), "").astype(str)
    note = f"Minutes are summed over jobs, which may have run side by side. Trained on {', '.join(sorted(devices))}."
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
