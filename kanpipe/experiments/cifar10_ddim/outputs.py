"""What the stages leave, by name, so that the workflow can ask for it without their libraries."""

from kanpipe.experiments.cifar10_ddim.described import described
from kanpipe.experiments.protocol import Outputs

FIGURES = (
    "samples",
    "denoising",
    "channel_means",
    "channel_means_of_others",
    "coverage",
    "prelu_slopes",
    "training",
    "cost_and_quality",
    "samplers",
)

OUTPUTS = Outputs(
    frames=("runs", "scores", "coverage", "means"),
    tables=("", "samplers", "speed", "collapse", "ablation"),
    figures=lambda variants: list(FIGURES),
    sampled=("samples.npz", "sampling.json"),
    sampled_together=False,
    cards="scores",
    described=described,
)
