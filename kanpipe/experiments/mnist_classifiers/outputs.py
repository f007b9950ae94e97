"""What the stages leave, by name, so that the workflow can ask for it without their libraries."""

from kanpipe.experiments.protocol import Outputs

FIGURES = ("curves", "cost", "confusion", "misread")

OUTPUTS = Outputs(
    frames=("runs", "rates", "best", "comparisons", "equivalence", "confusion", "misread", "epochs", "layers"),
    tables=("", "comparisons", "rates", "layers", "speed"),
    figures=lambda variants: list(FIGURES),
)
