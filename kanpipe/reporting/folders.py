"""Where results stand: those of one preset, or those that are kept, of which each experiment has its own tables."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import pandas as pd

from kanpipe.files import read_json
from kanpipe.frames import read_frame

SOURCE = Path(__file__).parents[2]
LINKED_FRAME = re.compile(r"(\w+): ([^;]*)")  # of what a claim rests on: "runs: kan, mlp; paired by seed"


def record_path(row: pd.Series) -> Path:
    """Where the record of a kept row stands below the reference folder."""
    made_by = hashlib.sha256(" ".join(row[["config_hash", "code", "device"]]).encode()).hexdigest()[:8]
    name = f"seed{row['seed']}-{made_by}.json"
    return Path(row["experiment"]) / "runs" / row["variant"] / name


@dataclass(frozen=True)
class Link:
    """A file of the results, from the folder of the page."""

    words: str
    path: str


@dataclass(frozen=True)
class Results:
    """The folder of a preset's results, or of the kept ones."""

    root: Path
    _found: dict[tuple[str, str], list[tuple[str, Link]]] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def kept(self) -> bool:
        return not (self.root / "tables/claims.csv").exists()

    def tables(self, experiment: str) -> Path:
        """The folder of the tables of an experiment."""
        return self.root / experiment / "tables" if self.kept else self.root / "tables"

    def figure(self, experiment: str, name: str) -> Path:
        return self.root / experiment / "figures" / f"{name}.png"

    def runs(self, experiment: str, frame: str = "runs") -> pd.DataFrame:
        """The rows of an experiment's runs; none where there are none.

        They are those of the frame `runs`, or of another one that has the same columns.
        """
        path = self.root / experiment / f"{frame}.csv"
        return _rows(path, path.stat().st_mtime) if path.exists() else pd.DataFrame({"variant": []})

    def records(self, experiment: str, variants: list[str], frame: str = "runs") -> list[Link]:
        """The records of the runs of some variants, those of a training; of those in the frame, where it has runs."""
        return [link for variant, link in self._links(experiment, frame) if variant in variants]

    def _links(self, experiment: str, frame: str) -> list[tuple[str, Link]]:
        """Each run of a frame, by its variant there, with its record; looked for once, since each claim asks."""
        if (experiment, frame) not in self._found:
            rows = self.runs(experiment, frame)
            if "config_hash" not in rows:
                rows = self.runs(experiment)
            found = [(row["variant"], *self._record_of(row)) for _, row in rows.iterrows() if "config_hash" in rows]
            there = [(variant, Link(words, str(path))) for variant, words, path in found if (self.root / path).exists()]
            self._found[experiment, frame] = there
        return self._found[experiment, frame]

    def _record_of(self, row: pd.Series) -> tuple[str, Path]:
        """What a run is called, and where its record would be; a frame may call it by another name."""
        if "trained_as" in row:
            row = row.copy()
            row["variant"] = row["trained_as"]
        return f"{row['variant']}, seed {row['seed']}", self._record(row)

    def evidence(self, experiment: str, rests_on: str) -> tuple[list[Link], list[Link]]:
        """The frames that a claim rests on, and the records of the runs in them."""
        frames, records = [], []
        for frame, variants in LINKED_FRAME.findall(rests_on):
            path = Path(experiment) / f"{frame}.csv"
            if (self.root / path).exists():
                frames.append(Link(path.name, str(path)))
                records += self.records(experiment, [name.strip() for name in variants.split(",")], frame)
        return frames, list(dict.fromkeys(records))

    def origins(self) -> Iterator[dict]:
        """The records of all runs: of kept ones all that are there, of others those that have rows."""
        if self.kept:
            return map(read_json, sorted(self.root.glob("*/runs/*/*.json")))
        frames = (read_frame(path) for path in sorted(self.root.glob("*/runs.csv")))
        rows = (row for frame in frames if "config_hash" in frame for _, row in frame.iterrows())
        return (read_json(path) for row in rows if (path := self.root / self._record(row)).exists())

    def _record(self, row: pd.Series) -> Path:
        if self.kept:
            return record_path(row)
        return Path(row["experiment"]) / row["variant"] / f"seed{row['seed']}" / "run.json"


@lru_cache
def _rows(path: Path, written: float) -> pd.DataFrame:  # each claim asks for them
    return read_frame(path)
