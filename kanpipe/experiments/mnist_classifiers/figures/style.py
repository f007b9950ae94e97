"""How networks are told apart: the head by colour, the extractor by line and marker."""

import pandas as pd

from kanpipe.reporting.plots import MUTED
from kanpipe.reporting.style import FAMILY_COLOURS, OTHER, short_name

COLOURS = {"linear": MUTED} | FAMILY_COLOURS
LINES = {"wide": "--", "lean": "-", "none": ":"}
MARKERS = {"wide": "s", "lean": "o", "none": "^"}
HEADS = {"linear": "linear", "mlp": "MLP", "kan": "KAN", "fastkan": "FastKAN", "fasterkan": "FasterKAN"}


def colour(row: pd.Series) -> str:
    """Of the head of a network."""
    return COLOURS.get(row["head"], OTHER)


def name(row: pd.Series) -> str:
    """What a network is made of."""
    head = HEADS.get(row["head"], short_name(row["head"])) + (
        ", published gradient" if row["published_gradient"] else ""
    )
    return f"pixels, {head}" if row["extractor"] == "none" else f"{row['extractor']}, {head}"


def name_and_size(row: pd.Series) -> str:
    """The same for a legend, with the number of parameters."""
    return f"{name(row)} ({row['parameters']:,})"


def first_rows(best: pd.DataFrame) -> dict[str, pd.Series]:
    """A row of each network, by its name, which says what it is."""
    return {str(name): rows.iloc[0] for name, rows in best.groupby("variant", sort=False)}
