"""The task of the experiment: binarised images and the autoencoder of a variant."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kanpipe.data.mnist import binarise
from kanpipe.data.prepared import Images, load
from kanpipe.errors import UserError
from kanpipe.layers.families import family
from kanpipe.machine import Machine, seeded
from kanpipe.models.vae import VAE
from kanpipe.runs import FinishedRun

Spec = dict[str, Any]

SIDE = 28


def images(path: Path) -> Images:
    """The dataset; UserError when its images are not of 28 x 28 pixels."""
    found = load(path)
    if found.train_images.shape[1:] != (SIDE, SIDE):
        raise UserError(f"{path} has images of {found.train_images.shape[1:]} pixels; this experiment takes 28 x 28")
    return found


def binary(pixels, spec: Spec, machine: Machine) -> Tensor:
    """Bytes (n, 28, 28) -> 0 or 1 as uint8 (n, 784) on the device, by the threshold of the configuration."""
    return torch.from_numpy(binarise(pixels, spec["threshold"])).flatten(1).to(machine.device)


def build(spec: Spec, seed: int = 0) -> VAE:
    """The variant's autoencoder with the initial weights of `seed`."""
    options = dict(spec["variant"])
    hidden, latent, name = options.pop("hidden"), options.pop("latent"), options.pop("family")
    first = family(other) if (other := options.pop("first_layer", None)) else None
    with seeded(seed, "init"):
        return VAE(family(name, **options), hidden, latent, pixels=SIDE**2, first=first)


def restore(run: FinishedRun, weights: dict[str, Tensor], machine: Machine) -> VAE:
    """The run's autoencoder with these weights; UserError when they are those of another network."""
    return run.load_into(build(run.spec).to(machine.device), weights).eval()
