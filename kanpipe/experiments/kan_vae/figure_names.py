"""The names of the figures, apart from their drawing so that the workflow can ask for them without its libraries."""

FIGURES = (
    "training_curves",
    "latent_space",
    "posterior_samples",
    "prior_samples",
    "fidelity_against_parameters",
)
