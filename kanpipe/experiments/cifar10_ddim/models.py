"""The U-Nets of the experiment, for the table of parameters."""

import torch

from kanpipe.experiments.cifar10_ddim import problem
from kanpipe.experiments.cifar10_ddim.config import Experiment
from kanpipe.models.unet import UNet


def models(spec: Experiment) -> dict[str, UNet]:
    """The model of every variant, without weights: together they would take gigabytes."""
    with torch.device("meta"):
        return {name: problem.build(spec.problem, variant) for name, variant in spec.variants.items()}
