"""What tables and figures call networks and their heads."""

from kanpipe.reporting.plots import label
from kanpipe.reporting.style import short_name

VARIANTS = {"mlp": "wide_linear", "fasterkan": "lean_fasterkan"}  # the two networks of the source
CALLED = {"wide_linear": "MLP network", "lean_fasterkan": "FasterKAN network"}  # and what it calls them
EXTRACTORS = {"wide": "wide", "lean": "lean", "raw": "pixels"}  # how the name of a network begins


def head_name(head: str) -> str:
    """A head as figures call it."""
    return label(short_name(head))


def title(name: str) -> str:
    """`lean_kan` is lean, KAN; the two networks of the source have its own name too: wide, linear (MLP network)."""
    extractor, _, head = name.partition("_")
    words = f"{EXTRACTORS[extractor]}, {label(head)}" if extractor in EXTRACTORS and head else label(name)
    return f"{words} ({CALLED[name]})" if name in CALLED else words
