"""What the stages leave, by name, so that the workflow can ask for it without their libraries."""

from kanpipe.experiments.protocol import Outputs

FIGURES = ("speed", "published_ratios")

OUTPUTS = Outputs(
    frames=(),
    tables=("", "published"),
    figures=lambda variants: list(FIGURES),
    timed="runs",
)
