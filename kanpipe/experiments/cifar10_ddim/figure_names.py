"""The names of the figures, apart from their drawing so that the workflow can ask for them without its libraries."""

FIGURES = (
    "samples",
    "denoising",
    "channel_means",
    "coverage",
    "training",
    "cost_and_quality",
    "samplers",
)
