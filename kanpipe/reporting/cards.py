"""Score cards: every score with all that it was measured with, so that it can be quoted alone."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from kanpipe.experiments.protocol import FLOOR
from kanpipe.files import atomic

VALUES = ("value", "fid")  # what the column of the score is called
MEASURED_IN = ("extractor", "layer", "metric", "reference", "reference_form", "sample_form")


def score_cards(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """A card a row of the frame: its columns but for those that are empty, and as `floor` what real images have.

    The floor, `{"value": ..., "n": ...}`, is of the same extractor, layer, metric and reference, or None. Raises
    ValueError for a frame without a column of scores.
    """
    if not (named := [name for name in VALUES if name in scores]):
        raise ValueError(f"the frame has none of the columns {', '.join(VALUES)}")
    value, keys = named[0], [name for name in MEASURED_IN if name in scores]
    real = scores["variant"] == FLOOR
    floors = {_key(row, keys): {"value": row.get(value), "n": row["n"]} for row in _records(scores[real])}
    return [row | {"floor": floors.get(_key(row, keys))} for row in _records(scores[~real])]


def write_cards(path: Path, scores: pd.DataFrame) -> None:
    """Write the cards of a frame as a list in JSON, one in a line."""
    lines = [json.dumps(card, allow_nan=False) for card in score_cards(scores)]
    with atomic(path) as beside:
        beside.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as JSON has them: whole numbers are such again, which a column with gaps makes fractions."""
    whole = rows.convert_dtypes()
    return [row.dropna().to_dict() for _, row in whole.astype(object).iterrows()]


def _key(row: dict[str, Any], keys: list[str]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in keys)
