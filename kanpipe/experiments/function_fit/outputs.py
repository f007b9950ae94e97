"""What the stages leave, by name, so that the workflow can ask for it without their libraries."""

from collections.abc import Mapping

from kanpipe.experiments.function_fit.config import AnyNetwork, Kan
from kanpipe.experiments.protocol import Outputs

ALWAYS = ("staircase", "scaling", "u_turn", "growth", "warm_up", "locality")


def figure_names(variants: Mapping[str, AnyNetwork]) -> list[str]:
    """The stems of the files that `figures` writes for these variants."""
    return [*ALWAYS, *(f"edges_{name}" for name, variant in variants.items() if has_edges(variant))]


def has_edges(variant: AnyNetwork) -> bool:
    """Whether the variant is a KAN whose composition can be read off: the deep one of four inputs, all its grids."""
    return isinstance(variant, Kan) and variant.widths == [4, 2, 1, 1] and len(set(variant.grid_sizes)) > 1


OUTPUTS = Outputs(
    frames=("runs", "stages", "restarts", "growth", "exponents", "pieces", "separations", "locality"),
    tables=("", "grids", "growth", "curves"),
    figures=figure_names,
    trained=("weights.safetensors", "stages.safetensors", "history.csv", "restarts.csv", "stages.csv", "run.json"),
)
