"""The rows that a claim is read from, and what keeps them from being judged."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kanpipe.claims.effects import PAIRS
from kanpipe.claims.model import Claim
from kanpipe.claims.questions import Variants
from kanpipe.errors import UserError
from kanpipe.runs import FINISHED

Frames = Mapping[tuple[str, str], pd.DataFrame]  # by experiment and name of the frame
RUN = ["variant", "seed"]
CLAIMED, ASSUMED = "claimed for", "not given, taken as"  # a scale that a source gives, or does not
OF_KIND = {"ratio": {"rounds"}, "estimate": {"rounds"}, "share": {"seed"}}  # columns that a kind of test reads
FEW = {1: "one run", 2: "two runs"}


class NotRun(Exception):
    """There is nothing to read; the words say what is missing."""


def rows_of(claim: Claim, frames: Frames) -> pd.DataFrame:
    """The rows of a claim's frame, with what the frame `runs` says of them; empty where it was not run.

    A diverged run has left no rows in other frames than `runs`: it has one here, without scores.
    Raises UserError for a claim that names a column which its rows lack.
    """
    rows = frames.get((claim.experiment, claim.frame))
    if rows is None or rows.empty:
        return pd.DataFrame({"variant": []})
    rows = rows.rename(columns={claim.named: "variant"})
    runs = frames.get((claim.experiment, "runs"))
    if claim.frame == "runs" or runs is None or not set(RUN) <= set(rows) & set(runs):
        runs = None
    else:
        rows = rows.merge(runs[[*RUN, *runs.columns.difference(rows.columns)]], on=RUN, how="left")
        rows = _filled(rows, runs, {*claim.scale, *claim.assumed, *claim.same})
    _check_columns(claim, rows)
    for column, value in claim.where.items():
        rows = rows[rows[column] == value]
    return rows if runs is None else _with_lost(rows, runs, claim.where)


def _filled(rows: pd.DataFrame, runs: pd.DataFrame, columns: set[str]) -> pd.DataFrame:
    """With what their runs say of the scale, where rows that were kept earlier do not."""
    silent = [column for column in columns.intersection(rows, runs) if rows[column].isna().any()]
    said = rows[RUN].merge(runs[[*RUN, *silent]], on=RUN, how="left")
    return rows.assign(**{column: rows[column].fillna(said[column]) for column in silent})


def _with_lost(rows: pd.DataFrame, runs: pd.DataFrame, where: Mapping[str, Any]) -> pd.DataFrame:
    """With the runs that diverged, so that they have no rows, of those that the claim is about."""
    gone = runs[runs["status"] != FINISHED] if "status" in runs else runs[:0]
    for column in where.keys() & set(gone):
        gone = gone[gone[column] == where[column]]
    unseen = ~pd.MultiIndex.from_frame(gone[RUN]).isin(pd.MultiIndex.from_frame(rows[RUN]))
    return pd.concat([rows, gone[unseen]], ignore_index=True) if unseen.any() else rows


def named_columns(claim: Claim) -> set[str]:
    """The columns that a claim needs in its rows, whatever the settings: all but an optional metric."""
    named = {*claim.scale, *claim.assumed, *claim.same, *claim.where, *getattr(claim.test, "ends", [])}
    named |= OF_KIND.get(claim.test.kind, set())
    if claim.test.kind == "ratio":
        named.add(f"{claim.test.phase}_ms")
    if claim.repeats:
        named.add(claim.repeats)
    metric = getattr(claim.test, "metric", None)
    return named if metric is None or claim.optional else named | {metric}


def _check_columns(claim: Claim, rows: pd.DataFrame) -> None:
    named = {"variant", *named_columns(claim)}
    if "status" in rows and FINISHED not in set(rows["status"]):
        named.discard(getattr(claim.test, "metric", ""))  # runs that have all diverged have no scores
    check_has(claim, rows, named)


def check_has(claim: Claim, rows: pd.DataFrame, named: set[str]) -> None:
    """Raise UserError when the rows of a claim lack one of the named columns."""
    if missing := sorted(named - set(rows.columns)):
        have = ", ".join(sorted(rows.columns))
        where = f"{claim.experiment}/{claim.frame}"
        raise UserError(f"claim {claim.id}: {where} has no column {', '.join(missing)}; it has {have}")


def of_variant(rows: pd.DataFrame, side: Variants) -> pd.DataFrame:
    """The rows of a variant, or of the first of several that was run; NotRun without any."""
    names = [side] if isinstance(side, str) else side
    known = set(rows["variant"])
    name = next((name for name in names if name in known), None)
    if name is None:
        raise NotRun(f"no runs of {names[-1]}")
    return rows[rows["variant"] == name]


def scores(claim: Claim, rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A row a finished run, by its seed, and a column a draw that all have.

    NotRun where nothing that has finished has the metric, or no draw is of all runs; UserError for several rows of one.
    """
    ended = finished(with_metric(rows, metric))
    if len(ended) and ended[metric].isna().all():
        raise not_measured(rows, metric)
    ended = ended.dropna(subset=metric)
    draws = ended[claim.repeats] if claim.repeats else 0
    seeds = ended["seed"] if "seed" in ended else range(len(ended))
    ended = ended.assign(_seed=seeds, _draw=draws)
    _check_single(claim, ended)
    table = ended.pivot(index="_seed", columns="_draw", values=metric).dropna(axis=1)
    if len(table) and not len(table.columns):
        raise NotRun(f"no {claim.repeats} is one of all runs of {rows['variant'].iloc[0]}")
    return table


def with_metric(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows themselves; NotRun where they lack the metric."""
    if metric not in rows:
        raise not_measured(rows, metric)
    return rows


def not_measured(rows: pd.DataFrame, metric: str) -> NotRun:
    """The error of rows of a variant without the metric."""
    return NotRun(f"no {metric} was measured of {rows['variant'].iloc[0]}")


def _check_single(claim: Claim, ended: pd.DataFrame) -> None:
    """Raise UserError when there are several rows of a run, or of a draw of it."""
    again = ended[ended.duplicated(["_seed", "_draw"])]
    if again.empty:
        return
    what = f"{again['variant'].iloc[0]}, seed {again['_seed'].iloc[0]}"
    what += f", {claim.repeats} {again['_draw'].iloc[0]}" if claim.repeats else ""
    raise UserError(
        f"claim {claim.id}: {claim.experiment}/{claim.frame} has several rows of {what}; choose one by `where`, or "
        "name in `repeats` the column that tells them apart"
    )


def finished(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of runs that have not diverged."""
    return rows[rows["status"] == FINISHED] if "status" in rows else rows


def scale(claim: Claim, rows: pd.DataFrame) -> tuple[str, bool]:
    """The scale of the rows in words, and whether it is the claim's.

    A device is the claim's where its name holds the one that a source gives: makers add memory and form to it.
    """
    rows = finished(rows)
    wanted = [f"{key} {value}" for key, value in {**claim.scale, **claim.assumed}.items()]
    wanted += [f"equal {key} ({_values(rows[key])})" for key in claim.same]
    other = [
        f"{key} {_values(rows[key])}, {asked} {value}"
        for asked, keys in ((CLAIMED, claim.scale), (ASSUMED, claim.assumed))
        for key, value in keys.items()
        if not _is(rows[key], value, key).all()
    ]
    other += [f"{key} differ: {_values(rows[key])}" for key in claim.same if rows[key].nunique() > 1]
    return ("; ".join(other), False) if other else (", ".join(wanted), True)


def _is(column: pd.Series, value: Any, key: str) -> pd.Series:
    return column.astype(str).str.contains(value, regex=False) if key == "device" else column == value


def _values(column: pd.Series) -> str:
    """All values, numbers (and not-a-number, where there is none) before text."""
    ordered = sorted(column.unique(), key=lambda value: (isinstance(value, str), value))
    return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in ordered)


def lost(*sides: pd.DataFrame) -> str:
    """How many runs of a side have diverged, in words; nothing where none has."""
    counts = [(side["variant"].iloc[0], _runs(side) - _runs(finished(side)), _runs(side)) for side in sides]
    return ", ".join(f"{gone} of {total} runs of {name} diverged" for name, gone, total in counts if gone)


def _runs(side: pd.DataFrame) -> int:
    return side["seed"].nunique() if "seed" in side else len(side)


def few(*tables: pd.DataFrame) -> str:
    """How many runs the smallest side has, where they are too few for a verdict."""
    least = min(map(len, tables))
    return FEW.get(least, "no run") if least < PAIRS else ""
