"""What the stages leave, by name, so that the workflow can ask for it without their libraries."""

from kanpipe.experiments.protocol import Outputs

FIGURES = (
    "training_curves",
    "latent_space",
    "posterior_samples",
    "prior_samples",
    "fidelity_against_parameters",
    "likelihood",
)

OUTPUTS = Outputs(
    frames=("runs", "fidelity", "judgements", "stages", "latents", "degradations"),
    tables=("", "readings", "fidelity", "likelihood", "training", "judge", "speed"),
    figures=lambda variants: list(FIGURES),
    sampled=("samples.npz", "sampling.json"),
    cards="fidelity",
)
