"""The table of an experiment's reported against its measured numbers, from the table that its kind has written."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from kanpipe.experiments import has_stage, stage_module
from kanpipe.experiments.protocol import table_name
from kanpipe.files import read_table
from kanpipe.reporting.folders import Link, Results
from kanpipe.reporting.plots import label
from kanpipe.reporting.tables import cells_of

NETWORKS = ("variant", "network", "model")  # columns of names
RAW = re.compile(r"[a-z]\w*")  # as the configuration has them; others are words already


@dataclass(frozen=True)
class Headline:
    """The table of reported against measured numbers, and what is said below it."""

    columns: list[str]
    rows: list[list[str]]
    note: str
    whole: Link


def headline(
    results: Results, name: str, kind: str, spec: Mapping[str, Any], brought: Sequence[str] = ()
) -> Headline | None:
    """The rows of a table that are published or of layers that are brought; None where there is none."""
    path = results.tables(name) / f"{table_name(name, spec['name'])}.md"
    if not path.exists():
        return None
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    cells = [cells_of(line) for line in lines if line.startswith("|")]
    table = pd.DataFrame([*cells[2:]], columns=cells[0])  # the second line is the rule below the header
    is_published = table[spec["published"]] != "" if spec["published"] in table else pd.Series(False, table.index)
    table = table[is_published | _is_of(brought, path.with_suffix(".csv"), table.index)]
    table = table[[column for column in spec["columns"] if column in table]]
    for column in table.columns.intersection(NETWORKS):
        table[column] = table[column].map(lambda cell: _title(kind)(cell) if RAW.fullmatch(cell) else cell)
    note = " ".join(line for line in lines if not line.startswith("|"))
    link = Link(path.stem, str(path.relative_to(results.root)))
    return Headline(list(table.columns), table.to_numpy().tolist(), note, link) if len(table) else None


def _is_of(variants: Sequence[str], numbers: Path, index: pd.Index) -> pd.Series:
    """Which rows are of some variants, by the names in the numbers of the table; rows of real data follow those."""
    if variants and "variant" in (table := read_table(numbers)):
        return table["variant"].isin(variants).reindex(index, fill_value=False)
    return pd.Series(False, index)


def _cells(line: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def _title(kind: str) -> Callable[[str], str]:
    """What tables and figures of a kind call a variant, where its module `words` says so."""
    words = import_module(stage_module(kind, "words")) if has_stage(kind, "words") else None
    return getattr(words, "title", label)
