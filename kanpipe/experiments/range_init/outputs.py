"""What the stages leave, by name, so that the workflow can ask for it without their libraries."""

from kanpipe.experiments.protocol import Outputs

FIGURES = ("range_init",)

OUTPUTS = Outputs(
    frames=("runs", "epochs", "floors"),
    tables=("", "epochs"),
    figures=lambda variants: list(FIGURES),
)
