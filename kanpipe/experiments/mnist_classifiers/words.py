"""What tables and figures call networks and their heads."""

from kanpipe.reporting.plots import label
from kanpipe.reporting.style import short_name

VARIANTS = {"mlp": "wide_linear", "fasterkan": "lean_fasterkan"}  # the two networks of the source
CALLED = {"wide_linear": "MLP network", "lean_fasterkan": "FasterKAN network"}  # and what it calls them
EXTRACTORS = {"wide": "wide extractor", "lean": "lean extractor", "none": "pixels"}
BEGINNINGS = {"wide": "wide", "lean": "lean", "raw": "none"}  # of the names of networks, by extractor


def head_name(head: str) -> str:
    """A head as figures call it."""
    return label(short_name(head))


def title(name: str) -> str:
    """A network by its name, as figures call it: `lean_kan` is "lean extractor, KAN"; the source's two as it does."""
    beginning, _, head = name.partition("_")
    if name in CALLED or beginning not in BEGINNINGS or not head:
        return CALLED.get(name, label(name))
    return f"{EXTRACTORS[BEGINNINGS[beginning]]}, {label(head)}"
