"""Tables for people (Markdown, LaTeX, HTML) and for programs (CSV), from the same rows."""

import html
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kanpipe.files import atomic, write_table
from kanpipe.runs import FINISHED

NOT_RUN = "not run"
RUN = ["variant", "seed"]  # what a run is called within its experiment
KEY = ["experiment", *RUN, "config_hash", "code", "device"]  # and what tells all runs ever made apart

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 14px/1.45 system-ui, sans-serif; color: #222; margin: 1.5em; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; vertical-align: top; padding: .35em .9em .35em 0; border-bottom: 1px solid #ddd; }}
th {{ border-bottom: 2px solid #666; }}
p {{ max-width: 60em; color: #555; }}
</style></head><body>{table}<p>{note}</p></body></html>
"""


@dataclass(frozen=True)
class Table:
    """A table as numbers, as text, and what must be said below it.

    The rows of the text that share a value of the column `by` make a table of their own, which this value heads; it has
    none of the columns that are empty there.
    """

    numbers: pd.DataFrame
    text: pd.DataFrame
    note: str = ""
    by: str = ""

    def write(self, stem: Path) -> None:
        """Write `stem`.csv (numbers), and `stem`.md, `stem`.tex and `stem`.html (text and note)."""
        write_table(stem.with_suffix(".csv"), self.numbers)
        page = PAGE.format(title=stem.name, table=self._joined(_html, "<h2>{}</h2>"), note=html.escape(self.note))
        _write_text(stem.with_suffix(".html"), page)
        note = f"\n\n{self.note}" if self.note else ""
        _write_text(stem.with_suffix(".md"), f"{self._joined(markdown, '## {}')}{note}\n")
        latex = self._joined(_latex, r"\paragraph{{{}}}")
        _write_text(stem.with_suffix(".tex"), latex + (f"% {self.note}\n" if self.note else ""))

    def _joined(self, form: Callable[[pd.DataFrame], str], heading: str) -> str:
        """The text in a form, each of its tables below its heading."""
        if not self.by:
            return form(self.text)
        parts = self.text.set_index(self.by).groupby(level=0, sort=False)
        return "\n\n".join(f"{heading.format(head)}\n\n{form(_filled(rows))}" for head, rows in parts)


def _filled(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.loc[:, (rows != "").any()]


def _html(rows: pd.DataFrame) -> str:
    return rows.to_html(index=False, border=0)


def markdown(rows: pd.DataFrame) -> str:
    """A table of texts in Markdown; `cells_of` reads its lines."""
    # Cells are text already: tabulate must not take them for numbers and cut their digits.
    rows = rows.replace({r"\|": r"\|", r"\s*\n\s*": " "}, regex=True)
    return rows.to_markdown(index=False, disable_numparse=True)


def cells_of(line: str) -> list[str]:
    """The cells of a line of a table in Markdown."""
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def _latex(rows: pd.DataFrame) -> str:
    return rows.to_latex(index=False, escape=True).replace("±", r"$\pm$").replace("−", "$-$")


def _write_text(path: Path, text: str) -> None:
    with atomic(path) as beside:
        beside.write_text(text)


def summarise(runs: pd.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """One row a group, in the order of the runs: n finished, n not, and mean and standard deviation of each metric.

    The standard deviation is that of a sample (n - 1), so a single run has none.
    """
    groups = runs.groupby(list(by), sort=False, dropna=False)
    table = groups["status"].agg(n=lambda s: (s == FINISHED).sum(), failed=lambda s: (s != FINISHED).sum())
    finished = runs[runs["status"] == FINISHED].groupby(list(by), sort=False, dropna=False)
    for metric in metrics:
        table[f"{metric}_mean"] = finished[metric].mean()
        table[f"{metric}_sd"] = finished[metric].std(ddof=1)
    return table.reset_index()


def with_columns(runs: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The runs with a column for each of the names; NaN in those that were not measured."""
    return runs.reindex(columns=[*runs.columns, *(name for name in names if name not in runs)])


def measured(
    summary: pd.DataFrame, columns: dict[str, tuple[str, str]], missing: str = NOT_RUN
) -> dict[str, list[str]]:
    """Cells of mean ± standard deviation, by title, from {metric: (title, form)}; `missing` for what is NaN."""
    return {
        words: [cell.replace("nan", missing) for cell in mean_and_sd(summary, name, form)]
        for name, (words, form) in columns.items()
    }


def counts(summary: pd.DataFrame) -> list[str]:
    """How many runs finished, and how many diverged where any did: `3`, `2 (1 diverged)`."""
    pairs = zip(summary["n"], summary["failed"], strict=True)
    return [f"{n}" + (f" ({failed} diverged)" if failed else "") for n, failed in pairs]


def mean_and_sd(summary: pd.DataFrame, metric: str, form: str) -> list[str]:
    """Cells such as `0.2910 ± 0.0002`; the mean alone where there is no deviation, `diverged` where no run finished."""
    columns = zip(summary[f"{metric}_mean"], summary[f"{metric}_sd"], summary["n"], strict=True)
    return [_cell(mean, sd, n, form) for mean, sd, n in columns]


def _cell(mean: float, sd: float, n: int, form: str) -> str:
    if n == 0:
        return "diverged"
    return f"{mean:{form}}" if pd.isna(sd) else f"{mean:{form}} ± {sd:{form}}"


def with_interval(value: float, low: float, high: float, digits: int = 2) -> str:
    """`1.25 [1.23, 1.28]`; the value alone where there is no interval, and nothing where there is no value."""
    if pd.isna(value):
        return ""
    return f"{value:.{digits}f}" + ("" if pd.isna(low) else f" [{low:.{digits}f}, {high:.{digits}f}]")
