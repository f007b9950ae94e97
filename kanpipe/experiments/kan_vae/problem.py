"""The task of the experiment: binarised images and the autoencoder of a variant."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kanpipe.data.mnist import binarise
from kanpipe.data.prepared import Images, load
from kanpipe.experiments.kan_vae.config import Autoencoder, Experiment
from kanpipe.layers.families import family
from kanpipe.machine import Machine, seeded
from kanpipe.models.vae import VAE
from kanpipe.runs import FinishedRun

SIDE = 28


def images(path: Path | None) -> Images:
    """The dataset; UserError when its images are not of 28 x 28 pixels."""
    return load(path, (SIDE, SIDE))


def binary(pixels: np.ndarray, threshold: float, machine: Machine) -> Tensor:
    """Bytes (n, 28, 28) -> 0 or 1 as uint8 (n, 784) on the device, above the threshold or not."""
    return torch.from_numpy(binarise(pixels, threshold)).flatten(1).to(machine.device)


def build(variant: Autoencoder, seed: int = 0) -> VAE:
    """The variant's autoencoder with the initial weights of `seed`."""
    layers = family(variant.family, **variant.options)
    first = family(variant.first_layer) if variant.first_layer else None
    with seeded(seed, "init"):
        return VAE(layers, variant.hidden, variant.latent, pixels=SIDE**2, first=first)


def models(spec: Experiment) -> dict[str, VAE]:
    """The network of every variant."""
    return {name: build(variant) for name, variant in spec.variants.items()}


def restore(run: FinishedRun, weights: dict[str, Tensor], machine: Machine) -> VAE:
    """The run's autoencoder with these weights; UserError when they are those of another network."""
    return run.load_into(build(run.spec.variant).to(machine.device), weights)
