"""The names of the figures, apart from their drawing so that the workflow can ask for them without its libraries."""

from typing import Any

COMMON = ("data", "corruption", "generated", "loss_curves")


def figure_names(variants: dict[str, dict[str, Any]]) -> list[str]:
    """The stems of the files that `figures` writes for these variants (name -> its `family`, `hidden`, ...)."""
    each = [f"{kind}_{name}" for name in variants for kind in ("reverse", "generated")]
    return [*COMMON, *each, *(f"edges_{name}" for name, variant in variants.items() if has_diagram(variant))]


def has_diagram(variant: dict[str, Any]) -> bool:
    """Whether the variant is a KAN of two layers, small enough that its functions can be drawn."""
    return variant["family"] == "kan" and len(variant["hidden"]) == 1
