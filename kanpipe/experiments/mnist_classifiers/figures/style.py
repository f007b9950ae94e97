"""How networks are told apart: the head by colour, the extractor by line and marker."""

import pandas as pd

from kanpipe.reporting.plots import KAN_COLOURS, MLP_COLOURS, MUTED, label

COLOURS = {
    "linear": MUTED,
    "mlp": MLP_COLOURS["mlp"],
    "kan": KAN_COLOURS["kan"],
    "fastkan": "#7B5EA7",
    "fasterkan": "#0072B2",
}
LINES = {"wide": "--", "lean": "-", "none": ":"}
MARKERS = {"wide": "s", "lean": "o", "none": "^"}


def colour(row: pd.Series) -> str:
    """Of the head of a network."""
    return COLOURS[row["head"]]


def words(row: pd.Series) -> str:
    """A network and its size, for a legend."""
    return f"{label(row['variant'])} ({row['parameters']:,})"


def first_rows(best: pd.DataFrame) -> dict[str, pd.Series]:
    """A row of each network, by its name, which says what it is."""
    return {str(name): rows.iloc[0] for name, rows in best.groupby("variant", sort=False)}
