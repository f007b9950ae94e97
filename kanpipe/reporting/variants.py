"""The runs of one variant together, as figures and tables show them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from kanpipe.reporting.plots import label, statement
from kanpipe.runs import FinishedRun


@dataclass(frozen=True)
class Variant:
    """The runs of a variant that did not diverge, and the rows that the table of runs has for the variant."""

    name: str
    runs: list[FinishedRun]
    rows: pd.DataFrame

    @property
    def title(self) -> str:
        """What it is and its size."""
        return f"{self.name_in_title} ({self.size})"

    @property
    def name_in_title(self) -> str:
        """What it is, to begin a sentence with."""
        words = label(self.name)
        return words[0].upper() + words[1:]

    @property
    def size(self) -> str:
        return f"{self.rows['parameters'].iloc[0]:,} parameters"

    def diverged(self) -> Figure:
        """Takes the place of a figure that needs a trained network."""
        return statement(f"{self.title}: every run diverged")

    def scores(self, column: str) -> pd.Series:
        """The values of the seeds that have one."""
        return self.rows[column].dropna() if column in self.rows else pd.Series(dtype=float)

    def score(self, column: str, digits: int) -> str:
        """Mean ± standard deviation over the seeds; the value alone when there is but one, a dash for none."""
        values = self.scores(column)
        if values.empty:
            return "–"
        spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
        return f"{values.mean():.{digits}f}{spread}"


def by_variant(runs: list[FinishedRun], table: pd.DataFrame) -> list[Variant]:
    """The variants in the order of `runs`; `table` has a row for each run."""
    names = dict.fromkeys(run.variant for run in runs)
    sound = [run for run in runs if not run.diverged]
    return [
        Variant(name, [run for run in sound if run.variant == name], table[table["variant"] == name]) for name in names
    ]


def of_first_seeds(variants: list[Variant], title: Callable[[str], str] = label) -> str:
    """Which runs a figure shows that has one of each variant: `training seed 0`, and whose seed is another."""
    shown = {variant.name: variant.runs[0].seed for variant in variants if variant.runs}
    if not shown:
        return "no finished training"
    usual = Counter(shown.values()).most_common(1)[0][0]
    others = [f"{seed} of {title(name)}" for name, seed in shown.items() if seed != usual]
    return f"training seed {usual}" + (f" ({'; '.join(others)})" if others else "")


def seeds(least: int, most: int | None = None) -> str:
    """`1 seed`, `3 seeds`, or `3 to 10 seeds`."""
    if most is not None and most != least:
        return f"{least} to {most} seeds"
    return f"{least} seed" if least == 1 else f"{least} seeds"


def seeds_of(rows: pd.DataFrame) -> str:
    """How many seeds each variant of a frame has."""
    if rows.empty:
        return seeds(0)
    counts = rows.groupby("variant")["seed"].nunique()
    return seeds(int(counts.min()), int(counts.max()))
