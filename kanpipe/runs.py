"""What a training run is and what it records about itself."""

import contextlib
from collections.abc import Iterable
from dataclasses import MISSING, asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kanpipe import digests
from kanpipe.config.kinds import trained
from kanpipe.errors import UserError
from kanpipe.files import read_arrays, read_json, read_table, write_arrays, write_json

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame
    from torch import Tensor
    from torch.nn import Module

M = TypeVar("M", bound="Module")
FINISHED, DIVERGED = "finished", "diverged"  # the status of a run


@dataclass(frozen=True)
class Run:
    """One training: what it trains, by which settings and code, and the folder that receives it."""

    experiment: str  # the entry of the configuration
    kind: str  # the folder of kanpipe/experiments whose code trains it
    variant: str
    seed: int
    spec: Any  # what the training depends on: the kind's `Trained`
    code: str  # hash of the source that the training depends on
    folder: Path
    data: Path | None = None  # the prepared dataset, where one is read: known by its name in `spec`, not by its place
    resumes_elsewhere: bool = False  # whether a checkpoint of another model of CPU or GPU is gone on from

    @property
    def label(self) -> str:
        return f"{self.experiment}/{self.variant}/seed{self.seed}"

    @property
    def config_hash(self) -> str:
        """A hash of the settings, the same for every seed."""
        return digests.of_json(self._settings())[:16]

    def identity(self) -> dict[str, Any]:
        """All that must be equal before a checkpoint may be resumed, but for the machine."""
        known = {key: getattr(self, key) for key in ("experiment", "kind", "variant", "seed", "code")}
        data = digests.seal_of(self.data) if self.data else None
        return known | {"spec": self._settings(), "config_hash": self.config_hash, "data": data}

    def _settings(self) -> dict[str, Any]:
        """The given keys of `spec`, as JSON has them."""
        return self.spec.model_dump(mode="json", exclude_unset=True)


@dataclass(frozen=True)
class Record:
    """What a training says of itself in run.json."""

    experiment: str
    kind: str
    variant: str
    seed: int
    spec: dict[str, Any]
    code: str
    config_hash: str
    status: str  # FINISHED or DIVERGED
    diverged_at_step: int | None  # the first step whose loss was not finite
    steps: int  # that were taken, up to and with the one that diverged
    parameters: int
    compile: bool
    settings: dict[str, Any]  # of the training loop; none where an experiment has another way to train
    seconds: float  # of all sittings
    steps_per_second: float
    peak_memory_mib: float
    sittings: int
    device: str
    threads: int
    commit: str  # of the source; several, with blanks between them, where sittings differ
    versions: dict[str, str]
    finished: str  # ISO 8601, UTC
    files: dict[str, str]  # SHA-256 of what the training left beside the record, by name
    data: str | None = None  # SHA-256 of the prepared dataset, where one was read
    earlier_devices: list[str] | None = None  # of other sittings: with any, the bytes cannot be compared with others'
    last_learning_rate: float | None = None
    stopped_at_step: int | None = None  # the number of steps after which the scores were no better for too long
    best_step: int | None = None  # the number of steps after which the kept weights were scored
    families: dict[str, dict[str, str]] | None = None  # that are brought: module, package with version, and SHA-256

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """The record in a folder; UserError when one bit of it is another, or it has not all keys."""
        path = folder / "run.json"
        said = read_json(path)
        if not isinstance(said, dict):
            raise UserError(f"{path} is not the record of a run; delete it and run again")
        for entry in fields(cls):
            if entry.default is MISSING and entry.name not in said:
                raise UserError(f"{path} has no `{entry.name}`; delete it and run again")
        if said.pop("sha256", None) != digests.of_json(said):
            raise UserError(f"{path} is damaged (it has another SHA-256 than it says); delete it and run again")
        return cls(**{entry.name: said[entry.name] for entry in fields(cls) if entry.name in said})

    def write(self, folder: Path) -> None:
        """Write the record into a folder, with its own SHA-256 at its end."""
        said = asdict(self)
        write_json(folder / "run.json", said | {"sha256": digests.of_json(said)})

    def entries(self, *names: str) -> dict[str, Any]:
        """Some of the entries, by name and in this order."""
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class FinishedRun:
    """The folder of a training that has ended, well or not."""

    folder: Path
    record: Record

    @classmethod
    def read(cls, folder: Path) -> "FinishedRun":
        """The run in a folder; UserError when its record is damaged or has not all keys."""
        return cls(folder, Record.read(folder))

    @property
    def diverged(self) -> bool:
        return self.record.status == DIVERGED

    @cached_property
    def spec(self) -> Any:
        """What the training depended on, as the kind's `Trained`; UserError when this version knows other keys."""
        try:
            return trained(self.record.kind, self.record.spec)
        except (ValueError, ImportError) as error:
            path = self.folder / "run.json"
            raise UserError(f"{path} is of another version of kanpipe, or of its layers; run again") from error

    @property
    def variant(self) -> str:
        return self.record.variant

    @property
    def seed(self) -> int:
        return self.record.seed

    def row(self) -> dict[str, Any]:
        """What every table of runs says of a run before its metrics."""
        columns = ("experiment", "variant", "seed", "status", "diverged_at_step", "steps", "parameters", "config_hash")
        origin = ("code", "commit", "device", "threads", "steps_per_second", "peak_memory_mib", "sittings", "finished")
        minutes = round(self.record.seconds / 60, 3)
        return self.record.entries(*columns, *origin, "compile") | {"minutes": minutes}

    def history(self) -> "DataFrame":
        """What was recorded of every step; UserError when it is damaged."""
        return self.table("history")

    def validation(self) -> "DataFrame":
        """The scores during the training, a row a validation: `step`, the number of steps taken, and the scores."""
        return self.table("validation")

    def table(self, name: str) -> "DataFrame":
        """One of the csv files that the training left, by its name; UserError when it is damaged."""
        return read_table(self._checked(f"{name}.csv"))

    def samples(self) -> dict[str, "ndarray"]:
        """The arrays that the sampling of the run left; UserError when they are damaged."""
        return read_arrays(self.folder / "samples.npz")

    def sampling_seconds(self) -> dict[str, float]:
        """What took how long in the sampling of the run, by its name, where the kind says so."""
        return read_json(self.folder / "sampling.json")["seconds"]

    def tensors(self, name: str) -> dict:
        """The named tensors of one of the training's safetensors files; UserError when it is damaged."""
        from safetensors.torch import load_file

        return load_file(self._checked(name))

    def _checked(self, name: str) -> Path:
        """The path of a file that the training left; UserError when one bit of it is another."""
        path, expected = self.folder / name, self.record.files.get(name)
        if expected is None:
            raise UserError(f"{self.folder / 'run.json'} says nothing of {name}; delete it and run again to train anew")
        if digests.sha256(path) != expected:
            raise UserError(
                f"{path} is damaged (its SHA-256 is not the one in run.json); delete it and run again to train anew"
            )
        return path

    def snapshots(self) -> dict[int, dict[str, "Tensor"]]:
        """The weights at the start of the steps at which they were kept, by step; UserError when they are damaged."""
        found: dict[int, dict[str, Tensor]] = {}
        for key, value in self.tensors("snapshots.safetensors").items():
            step, name = key.split("/", 1)
            found.setdefault(int(step), {})[name] = value
        return dict(sorted(found.items()))

    def load_into(self, model: M, weights: dict[str, "Tensor"]) -> M:
        """The model with these weights of the run, in eval mode; UserError when they are those of another network."""
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise UserError(f"{self.folder} has the weights of another network; delete it and run again") from error
        return model.eval()


def diverged_runs(folders: Iterable[Path]) -> list[str]:
    """Those of the runs in these folders that diverged, where they are there: `swiss_roll/kan/seed0 at step 12`."""
    records = []
    for folder in folders:
        with contextlib.suppress(UserError, OSError):  # of a damaged record, the stages tell that read it
            records.append(Record.read(folder))
    return [
        f"{record.experiment}/{record.variant}/seed{record.seed} at step {record.diverged_at_step}"
        for record in records
        if record.status == DIVERGED
    ]


def write_samples(out: Path, arrays: "dict[str, ndarray]", seconds: dict[str, float], compressed: bool = False) -> None:
    """Write what was sampled from a run, and how long that took into a file of its own: it is never twice the same."""
    write_json(out.with_name("sampling.json"), {"seconds": seconds})
    write_arrays(out, arrays, compressed)
