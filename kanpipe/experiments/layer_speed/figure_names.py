"""The names of the figures, apart from their drawing so that the workflow can ask for them without its libraries."""

FIGURES = ("speed", "memory", "published_ratios")
