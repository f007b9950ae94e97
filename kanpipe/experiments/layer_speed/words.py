"""Contenders and set-ups in words, colours and markers, the same in every figure and table."""

from collections.abc import Iterable

import pandas as pd

from kanpipe.reporting.plots import INK, MUTED
from kanpipe.reporting.style import FAMILY_COLOURS, OTHER, SHADES
from kanpipe.reporting.tables import with_interval

CONTENDERS = {
    "mlp": "ordinary layer",
    "floor": "floor: matmul alone",
    "cox_de_boor": "B-spline, Cox-de Boor, published",
    "fastkan_published": "FastKAN, published",
    "fasterkan_published": "FasterKAN, published",
    "kan": "B-spline, ours",
    "kan_scaler": "B-spline, ours, with scaler",
    "kan_recompute": "B-spline, ours, recomputed",
    "fastkan": "FastKAN, ours",
    "fasterkan": "FasterKAN, ours",
}
COLOURS = {
    "mlp": FAMILY_COLOURS["mlp"],
    "floor": MUTED,
    "cox_de_boor": INK,
    "kan": FAMILY_COLOURS["kan"],
    "kan_scaler": SHADES["kan"][1],
    "kan_recompute": SHADES["kan"][2],
    "fastkan_published": INK,
    "fasterkan_published": INK,
    "fastkan": FAMILY_COLOURS["fastkan"],
    "fasterkan": FAMILY_COLOURS["fasterkan"],
}
PHASES = ("forward", "backward", "both")


def words(name: str) -> str:
    """What tables and figures call a contender, or a layer that was added by a name."""
    return CONTENDERS.get(name, name.replace("_", " "))


def colour(name: str) -> str:
    return COLOURS.get(name, OTHER)


def in_order(names: Iterable[str]) -> list[str]:
    """The contenders first, as they stand above, then what was added."""
    present = list(dict.fromkeys(names))
    return [name for name in CONTENDERS if name in present] + [name for name in present if name not in CONTENDERS]


def setup_words(row: pd.Series) -> str:
    """Shape and batch: `784-400, batch 32`, `conv 64-64, 16x16, batch 32, G=3`."""
    convolution = "kernel_size" in row and pd.notna(row["kernel_size"])
    if convolution:
        kernel, size, grid = (int(n) for n in (row["kernel_size"], row["size"], row["bases"] - row["spline_order"]))
        return f"{kernel}x{kernel} conv {row['widths']}, {size}x{size}, batch {row['batch']}, G={grid}"
    norm = "" if row["layer_norm"] else ", no LayerNorm"
    flushed = ", no denormals" if row.get("flush_denormals") in (True, "True") else ""
    return f"{row['widths']}, batch {row['batch']}, {row['bases']} bases{norm}{flushed}"


def interval(row: pd.Series, column: str) -> str:
    """`1.25 [1.23, 1.28]`; the median alone where there are too few rounds; nothing for what was not timed."""
    return with_interval(row[column], row[f"{column}_low"], row[f"{column}_high"]) if column in row else ""
