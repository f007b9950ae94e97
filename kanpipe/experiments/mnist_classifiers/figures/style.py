"""How networks are told apart: the family of the head by colour and mark, the extractor by the kind of line."""

import pandas as pd

from kanpipe.experiments.mnist_classifiers.words import head_name
from kanpipe.reporting.plots import MUTED
from kanpipe.reporting.style import FAMILY_COLOURS, FAMILY_MARKS, OTHER, Look

LINES = {"wide": "--", "lean": "-", "none": ":"}
SIZES = {"wide": 8.0, "lean": 6.0, "none": 4.0}  # of marks, in points
LOOKS = {"linear": (MUTED, "D")} | {family: (hue, FAMILY_MARKS[family]) for family, hue in FAMILY_COLOURS.items()}


def look(row: pd.Series) -> Look:
    """Colour and mark of the head of a network."""
    return LOOKS.get(row["head"], (OTHER, "P"))


def name(row: pd.Series) -> str:
    """What a network is made of."""
    head = head_name(row["head"]) + (", published gradient" if row["published_gradient"] else "")
    return f"pixels, {head}" if row["extractor"] == "none" else f"{row['extractor']}, {head}"


def name_and_size(row: pd.Series) -> str:
    """The same for a legend, with the number of parameters."""
    return f"{name(row)} ({row['parameters']:,})"


def first_rows(best: pd.DataFrame) -> dict[str, pd.Series]:
    """A row of each network, by its name, which says what it is."""
    return {str(name): rows.iloc[0] for name, rows in best.groupby("variant", sort=False)}
