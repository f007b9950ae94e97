"""Floating-point operations of a training step of the variants."""

import torch

from kanpipe.evaluation.flops import training_flops
from kanpipe.experiments.cifar10_ddim import problem
from kanpipe.experiments.cifar10_ddim.config import Trained


def gflop_per_step(spec: Trained) -> float:
    """10^9 floating-point operations of the forward and the backward pass on one batch of the training."""
    image = torch.zeros(1, *problem.dataset(spec.problem).shape), torch.zeros(1, dtype=torch.int64)
    return spec.recipe.batch_size * training_flops(problem.build(spec.problem, spec.variant), *image) / 1e9
