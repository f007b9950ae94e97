"""What the stages leave, by name, so that the workflow can ask for it without their libraries."""

from collections.abc import Mapping

from kanpipe.experiments.protocol import Outputs
from kanpipe.experiments.swiss_roll.config import Denoiser

COMMON = ("corruption", "generated", "loss_curves")


def figure_names(variants: Mapping[str, Denoiser]) -> list[str]:
    """The stems of the files that `figures` writes for these variants."""
    return [*COMMON, *(f"edges_{name}" for name, variant in variants.items() if has_diagram(variant))]


def has_diagram(variant: Denoiser) -> bool:
    """Whether the variant is a KAN of two layers, small enough that its functions can be drawn."""
    return variant.family == "kan" and len(variant.hidden) == 1


OUTPUTS = Outputs(
    frames=("runs", "floors"),
    tables=("", "epochs"),
    figures=figure_names,
)
