"""Runs of which the rows are kept, and none of their files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from kanpipe.errors import NotKept
from kanpipe.experiments.plan import Plan
from kanpipe.runs import FinishedRun, Record

OF_A_FILE: dict[str, Any] = {"settings": {}, "files": {}, "versions": {}}  # what a row does not have of its record


@dataclass(frozen=True)
class KeptRun(FinishedRun):
    """A run as its row describes it, with the settings that its variant has in the configuration now."""

    @classmethod
    def of_row(cls, row: pd.Series, plan: Plan) -> "KeptRun":
        """The run of a row of the frame `runs`."""
        spec = plan.blocks("train") | {"variant": plan.variant(row["variant"])}
        known: dict[str, Any] = row.where(row.notna(), None).to_dict() | OF_A_FILE
        known |= {"kind": plan.kind, "spec": spec, "seconds": 60 * row["minutes"]}
        names = Record.__dataclass_fields__
        return cls(Path(), Record(**{name: known[name] for name in names if name in known}))

    def samples(self) -> NoReturn:
        raise NotKept

    def _checked(self, name: str) -> NoReturn:
        raise NotKept


def kept_runs(rows: pd.DataFrame, plan: Plan) -> list[FinishedRun]:
    """The runs of rows whose variants the configuration still has, in its order and in that of seeds."""
    known = rows[rows["variant"].isin(plan.settings["variants"])]
    return [KeptRun.of_row(row, plan) for _, row in in_order(known, plan).iterrows()]


def in_order(rows: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Rows in the configuration's order of variants, and then of seeds; those of variants that it lacks last."""
    places = {name: place for place, name in enumerate(plan.settings.get("variants", ()))}
    placed = rows.assign(place=rows["variant"].map(places).fillna(len(places)))
    return placed.sort_values([key for key in ("place", "seed") if key in placed], kind="stable").drop(columns="place")
