"""The task of the experiment: standardised pixels, a small classifier, cross-entropy."""

from pathlib import Path

import torch
from numpy import ndarray
from torch import Tensor

from kanpipe.config.models import Standardise
from kanpipe.data.prepared import Images, load
from kanpipe.experiments.range_init.config import Classifier, Experiment
from kanpipe.layers.families import family
from kanpipe.machine import Machine, seeded
from kanpipe.models.fully_connected import FullyConnected
from kanpipe.runs import FinishedRun

PIXELS, CLASSES = 28 * 28, 10


def images(path: Path | None) -> Images:
    """The dataset; UserError when its images are not of 28 x 28 pixels."""
    return load(path, (28, 28))


def standardise(pixels: Tensor, scale: Standardise) -> Tensor:
    """Bytes (n, 28, 28) -> (n, 784) with about mean 0 and variance 1 over all pixels."""
    return (pixels.flatten(1) / 255 - scale.mean) / scale.sd


def build(variant: Classifier, seed: int = 0) -> FullyConnected:
    """The variant's classifier with the initial weights of `seed`."""
    with seeded(seed, "init"):
        return FullyConnected(family(variant.family, **variant.options), [PIXELS, *variant.hidden, CLASSES])


def models(spec: Experiment) -> dict[str, FullyConnected]:
    """The network of every variant."""
    return {name: build(variant) for name, variant in spec.variants.items()}


def restore(run: FinishedRun, weights: dict[str, Tensor], machine: Machine) -> FullyConnected:
    """The run's classifier with these weights; UserError when they are those of another network."""
    return run.load_into(build(run.spec.variant).to(machine.device), weights)


def stages(run: FinishedRun) -> dict[int, dict[str, Tensor]]:
    """The weights at every epoch at whose start they were kept, and at the end."""
    epochs = run.spec.training.epochs
    per_epoch = run.record.settings["steps"] // epochs
    found = {step // per_epoch: weights for step, weights in run.snapshots().items()}
    last = {epochs: run.tensors("weights.safetensors")}
    return found | ({} if run.diverged else last)


def to_device(array: ndarray, machine: Machine) -> Tensor:
    return torch.from_numpy(array).to(machine.device)
