"""The names of the figures, apart from their drawing so that the workflow can ask for them without its libraries."""

from typing import Any

ALWAYS = ("staircase", "scaling", "u_turn", "growth", "warm_up", "locality")


def figure_names(variants: dict[str, dict[str, Any]]) -> list[str]:
    """The stems of the files that `figures` writes for these variants (name -> its `family`, `widths`, ...)."""
    return [*ALWAYS, *(f"edges_{name}" for name, variant in variants.items() if has_edges(variant))]


def has_edges(variant: dict[str, Any]) -> bool:
    """Whether the variant is a KAN whose composition can be read off: the deep one of four inputs, all its grids."""
    return variant["family"] == "kan" and variant["widths"] == [4, 2, 1, 1] and len(variant["grid_sizes"]) > 1
