"""Numbers that prose quotes, looked up in the tables of an experiment.

    {{ swiss_roll.mean("huber", "kan") | fixed(4) }}

is an expression of Jinja over these objects. What was not measured reads `not run`.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from scipy.stats import fisher_exact

from kanpipe.claims.effects import Effect, difference
from kanpipe.frames import read_frame
from kanpipe.reporting.tables import NOT_RUN, cells_of, markdown
from kanpipe.runs import DIVERGED, FINISHED

METHODS = (  # of `Values`, for expressions
    "mean",
    "sd",
    "n",
    "apart",
    "reached",
    "fisher",
    "compared",
    "cell",
    "cells",
    "spearman",
    "claim",
    "table",
)


class Diverged(float):
    """In the place of a mean over runs that have all diverged."""


class Values:
    """The rows below the folder of one experiment.

    `where` says which of them: a column and its value, or a list or a range of its values.
    """

    def __init__(self, folder: Path, tables: Path) -> None:
        self._folder, self._tables = folder, tables
        self._frames: dict[Path, pd.DataFrame] = {}

    def mean(self, column: str, variant: str, frame: str = "runs", **where: Any) -> float:
        """The mean over the finished runs of a variant, of those rows that have the values of `where`.

        That of runs which have all diverged is not a number, and reads so.
        """
        found = self._column(column, variant, frame, where)
        return Diverged("nan") if found.empty and self._diverged(variant) else float(found.mean())

    def sd(self, column: str, variant: str, frame: str = "runs", **where: Any) -> float:
        """The standard deviation of the sample."""
        return float(self._column(column, variant, frame, where).std(ddof=1))

    def n(self, column: str, variant: str, frame: str = "runs", **where: Any) -> int:
        """How many rows have a value."""
        return len(self._column(column, variant, frame, where))

    def apart(self, column: str, variant: str, frame: str = "runs", **where: Any) -> float:
        """How far the largest value is above the least."""
        values = self._column(column, variant, frame, where)
        return float(values.max() - values.min())

    def reached(self, column: str, variant: str, least: float, frame: str = "runs", **where: Any) -> int:
        """How many rows have a value of at least `least`."""
        return int((self._column(column, variant, frame, where) >= least).sum())

    def fisher(self, column: str, first: str, second: str, least: float, frame: str = "runs", **where: Any) -> float:
        """Fisher's exact p, two-sided, of the shares of two variants' rows that reach `least` being one."""
        reached = [self.reached(column, variant, least, frame, **where) for variant in (first, second)]
        rows = [self.n(column, variant, frame, **where) for variant in (first, second)]
        counts = [[yes, of - yes] for yes, of in zip(reached, rows, strict=True)]
        return float(fisher_exact(counts).pvalue)

    def compared(self, column: str, first: str, second: str, frame: str = "runs", **where: Any) -> Effect:
        """By how much the mean of a variant is above that of another, as claims test it: in pairs of seeds.

        Rows are one a training seed. `compared(...).p(0)` is the p of no difference; KeyError without either's rows.
        """
        sides = [self._rows(column, variant, frame, where) for variant in (first, second)]
        if missing := [name for name, rows in zip((first, second), sides, strict=True) if rows.empty]:
            raise KeyError(f"no {column} of {', '.join(missing)}")
        left, right = (rows.set_index("seed")[[column]] for rows in sides)
        return difference(left, right)

    def cell(self, table: str, column: str, variant: str, **where: Any) -> float:
        """The cell of a table's csv in the row of a variant, the first that has the values of `where`."""
        found = self.cells(table, column, variant=variant, **where)
        return found[0] if found else math.nan

    def cells(self, table: str, column: str, **where: Any) -> list[float]:
        """A column of a table's csv, or of a frame's, of those rows that have the values of `where`, none empty."""
        rows = _where(self._table(table), where)
        return rows[column].dropna().tolist() if column in rows else []

    def spearman(self, table: str, first: str, second: str, variants: str = "") -> float:
        """Spearman's rank correlation of two columns of a table or frame, over variants that match a pattern.

        A named group of the pattern is a column too: the number that it finds in the name. Of several rows of a
        variant the mean counts.
        """
        rows = self._table(table)
        rows = rows[rows["variant"].str.match(variants)]
        if re.compile(variants).groupindex:
            rows = rows.join(rows["variant"].str.extract(variants).astype(float))
        means = rows.dropna(subset=[first, second]).groupby("variant")[[first, second]].mean()
        return float(means[first].rank().corr(means[second].rank()))

    def claim(self, name: str, column: str) -> Any:
        """What the table of claims has of `<experiment>.<name>`."""
        claims = self._read(self._tables / "claims.csv")
        found = claims[claims["id"] == f"{self._folder.name}.{name}"]
        return found[column].iloc[0] if column in found and len(found) else math.nan

    def table(self, name: str, columns: Sequence[str] = (), rows: Sequence[str] = ()) -> str:
        """The Markdown of a table, its note included; of some columns, or of rows that begin so, in this order."""
        text = (self._tables / f"{name}.md").read_text().strip()
        return _selected(text, columns, rows) if columns or rows else text

    def _column(self, column: str, variant: str, frame: str, where: dict[str, Any]) -> pd.Series:
        return self._rows(column, variant, frame, where)[column]

    def _rows(self, column: str, variant: str, frame: str, where: dict[str, Any]) -> pd.DataFrame:
        """Those of a variant's finished runs that have a value in the column."""
        rows = self._read(self._folder / f"{frame}.csv")
        if column not in rows:
            return pd.DataFrame({column: pd.Series(dtype=float)})
        chosen = _where(rows, where | {"variant": variant})
        if "status" in chosen:
            chosen = chosen[chosen["status"] == FINISHED]
        return chosen.dropna(subset=column)

    def _diverged(self, variant: str) -> bool:
        """Whether a variant was run, and no run of it has finished."""
        runs = self._read(self._folder / "runs.csv")
        own = runs[runs["variant"] == variant]
        return "status" in own and len(own) > 0 and FINISHED not in set(own["status"])

    def _table(self, name: str) -> pd.DataFrame:
        path = self._tables / f"{name}.csv"
        return self._read(path if path.exists() else self._folder / path.name)

    def _read(self, path: Path) -> pd.DataFrame:
        if path not in self._frames:
            nothing = pd.DataFrame({"id": [], "variant": [], "verdict": []})
            self._frames[path] = read_frame(path) if path.exists() else nothing
        return self._frames[path]


def _where(rows: pd.DataFrame, values: dict[str, Any]) -> pd.DataFrame:
    for key, value in values.items():
        rows = rows[rows[key].isin(value if isinstance(value, (list, range)) else [value])]
    return rows


def _selected(text: str, columns: Sequence[str], rows: Sequence[str]) -> str:
    """The columns and rows of a table in Markdown, without its note; KeyError for one that it has not."""
    head, _, *lines = map(cells_of, table_lines(text))
    table = pd.DataFrame(lines, columns=head).set_index(head[0], drop=False)
    chosen = table.loc[list(rows)] if rows else table
    return markdown(chosen[list(columns) or head])


def table_lines(text: str) -> list[str]:
    """The lines of a table in Markdown, without its note."""
    return [line for line in text.splitlines() if line.startswith("|")]


def fixed(value: float, digits: int) -> str:
    """With as many digits after the point, thousands apart."""
    return _missing(value) if math.isnan(value) else f"{value:,.{digits}f}"


def _missing(value: float) -> str:
    return DIVERGED if isinstance(value, Diverged) else NOT_RUN


def scientific(value: float, digits: int = 1) -> str:
    """As 5.7e-7."""
    if math.isnan(value):
        return _missing(value)
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def environment(**options: Any) -> SandboxedEnvironment:
    """Jinja with the forms of numbers; a name that is not there is an error."""
    jinja = SandboxedEnvironment(undefined=StrictUndefined, **options)
    jinja.filters |= {"fixed": fixed, "scientific": scientific}
    return jinja
