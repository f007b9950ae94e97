"""What a kind of experiments is made of: the functions of its stages, and what they leave.

A kind is a folder with a module for each stage that it has, which holds a function of the stage's name:

    models    the networks of all variants, for the table of parameters; it stands in problem.py, with what others share
    train     one variant with one seed, into the run's folder
    sample    what a finished run generates
    evaluate  the scores of all runs: `runs`, a row a run, and other frames
    derived   those frames of `evaluate` that follow from others, once more where runs are kept in parts; not every kind
              has some
    speed     times of steps, measured by a process of its own
    tables    what `evaluate` and `speed` found, to be read
    figures   what it looks like

`config.py` has the models of its configuration, `outputs.py` says what its stages leave, and `words.py`, where a kind
has one, has the `title` that the page gives a variant. A stage is given the blocks of its entry that
`kanpipe.config.kinds.BLOCKS` names, and depends on them and on what its module imports: a changed figure retrains
nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kanpipe.frames import checked

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch.nn import Module

    from kanpipe.machine import Machine
    from kanpipe.reporting.tables import Table
    from kanpipe.runs import FinishedRun, Run

TRAINED = ("weights.safetensors", "snapshots.safetensors", "history.csv", "validation.csv", "run.json")  # by fit
SCORE_CARDS = "score_cards.json"  # of what Outputs.cards names, by kanpipe.reporting.cards
SAMPLED = "sampled.json"  # beside the samples of every run, by kanpipe.sampled
ROW = ("experiment", "variant")  # the columns that every row of the frame `runs` has
FLOOR = "floor"  # the variant of scores of real images; those of others without a network begin with it
TRAINED_ROW = (*ROW, "seed", "status", "config_hash", "code")  # and those of a run that was trained


@dataclass(frozen=True)
class Inputs:
    """The files beside those of the runs that a stage reads."""

    data: Path | None = None  # the arrays of the dataset
    inception_weights: Path | None = None
    features: Path | None = None  # the folder in which statistics of features are kept for later

    @classmethod
    def named(cls, files: Mapping[str, Any], features: Path | None = None) -> "Inputs":
        """From the files of a rule by name, each a list of one file or none; UserError for another dataset."""
        data, weights = (next(map(Path, files.get(name, [])), None) for name in ("data", "inception_weights"))
        return cls(data and checked(data, moved=True), weights, features)


@dataclass(frozen=True)
class Outputs:
    """What the stages of a kind leave, by the names that rules and reports use."""

    frames: tuple[str, ...]  # of `evaluate`
    tables: tuple[str, ...]  # beside that of the experiment's own name, which comes first as ""
    figures: Callable[[Mapping[str, Any]], list[str]]  # their names, for the variants by their names
    trained: tuple[str, ...] = TRAINED  # files of one training
    sampled: tuple[str, ...] = ("samples.npz",)  # files of one run's sampling
    timed: str = "speed"  # the frame of `speed`
    cards: str | None = None  # that of its frames of which score cards are written
    sampled_together: bool = True  # whether one job samples from all runs
    # The rows of the frame `variants`, which is written beside the others for tables and figures: what they say of each
    # variant, from the blocks that figures are given.
    described: Callable[[Any], list[dict[str, Any]]] | None = None


def table_name(entry: str, suffix: str) -> str:
    """The name of a table, which the stage `tables` calls by what it adds to that of the entry."""
    return f"{entry}_{suffix}" if suffix else entry


def check_rows(kind: str, rows: "DataFrame", trained: bool) -> None:
    """Raise ValueError when the frame `runs` of a kind lacks a column that claims and kept results need."""
    if missing := [name for name in (TRAINED_ROW if trained else ROW) if name not in rows]:
        raise ValueError(f"the frame `runs` of the kind {kind} has no column {', '.join(missing)}")


class Models(Protocol):
    def __call__(self, spec: Any) -> "dict[str, Module]": ...


class Train(Protocol):
    def __call__(self, run: "Run", machine: "Machine", checkpoint_seconds: float = 60.0) -> None: ...


class Sample(Protocol):
    def __call__(self, run: "FinishedRun", spec: Any, inputs: Inputs, machine: "Machine", out: Path) -> None: ...


class Evaluate(Protocol):
    def __call__(
        self, runs: "list[FinishedRun]", spec: Any, inputs: Inputs, machine: "Machine"
    ) -> "dict[str, DataFrame]": ...


class Derived(Protocol):
    def __call__(self, frames: "Mapping[str, DataFrame]", spec: Any) -> "dict[str, DataFrame]": ...


class Speed(Protocol):
    def __call__(self, runs: "list[FinishedRun]", spec: Any, inputs: Inputs, machine: "Machine") -> "DataFrame": ...


class Tables(Protocol):
    def __call__(self, frames: "dict[str, DataFrame]") -> "dict[str, Table]": ...


class Figures(Protocol):
    def __call__(self, runs: "list[FinishedRun]", frames: "dict[str, DataFrame]", spec: Any, out: Path) -> None: ...


STAGES: dict[str, type] = {
    "models": Models,
    "train": Train,
    "sample": Sample,
    "evaluate": Evaluate,
    "derived": Derived,
    "speed": Speed,
    "tables": Tables,
    "figures": Figures,
}
