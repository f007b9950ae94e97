"""How networks are told apart: the family of the head by colour and mark, the extractor by the kind of line."""

from collections import Counter

import pandas as pd

from kanpipe.experiments.mnist_classifiers.words import CALLED, EXTRACTORS, head_name
from kanpipe.reporting.plots import INK, MUTED
from kanpipe.reporting.style import FAMILY_COLOURS, MARKS, SHADES, Look, family_look

LINES = {"wide": "--", "lean": "-", "none": "-"}
SIZES = {"wide": 8.0, "lean": 6.0, "none": 4.0}  # of marks, in points
LOOKS = {"linear": (MUTED, "D")} | {family: family_look(family) for family in FAMILY_COLOURS}
PUBLISHED = {tuple(name.split("_")): words for name, words in CALLED.items()}  # by extractor and head


def looks(rows: dict[str, pd.Series]) -> dict[str, Look]:
    """Colour and mark of each network by its head; a second one of the same parts has another shade and mark."""
    seen: Counter[tuple] = Counter()
    found = {}
    for net, row in rows.items():
        parts = (row["extractor"], row["head"], row.get("published_gradient"))
        hue, mark = LOOKS.get(row["head"]) or family_look(row["head"])
        if number := seen[parts]:
            shades = SHADES.get(row["head"], (INK,))
            hue, mark = shades[number % len(shades)], MARKS[(number - 1) % len(MARKS)]
        seen[parts] += 1
        found[net] = (hue, mark)
    return found


def name(row: pd.Series) -> str:
    """What a network is made of; the two of the report as it calls them, which are of the published gradient.

    Products of fewer bits than float32 are said.
    """
    parts, gradient = (row["extractor"], row["head"]), row.get("published_gradient")
    precision = row.get("precision", "float32")
    products = "" if precision == "float32" else f", {precision}"
    if parts in PUBLISHED:
        other = row["head"] == "fasterkan" and gradient is not None and not gradient
        return PUBLISHED[parts] + (", true gradient" if other else "") + products
    head = head_name(row["head"]) + (", published gradient" if gradient else "")
    return f"{EXTRACTORS[row['extractor']]}, {head}{products}"


def name_and_size(row: pd.Series) -> str:
    """The same for a legend, with the number of parameters."""
    return f"{name(row)} ({row['parameters']:,})"


def first_rows(best: pd.DataFrame) -> dict[str, pd.Series]:
    """A row of each network, by its name, which says what it is."""
    return {str(name): rows.iloc[0] for name, rows in best.groupby("variant", sort=False)}
