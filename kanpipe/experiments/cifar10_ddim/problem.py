"""The task of the experiment: images of 32 x 32 pixels, the diffusion, and the U-Net of a variant."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpipe.data.prepared import load
from kanpipe.diffusion.schedules import Schedule, linear_schedule
from kanpipe.experiments.cifar10_ddim.config import Experiment, Place, Problem, UNet
from kanpipe.experiments.cifar10_ddim.datasets import DATASETS, Dataset
from kanpipe.experiments.overlay import overlaid
from kanpipe.layers.families import Family, family
from kanpipe.machine import Machine, seeded
from kanpipe.models import unet
from kanpipe.runs import FinishedRun


def dataset(problem: Problem) -> Dataset:
    """What the images are like."""
    return DATASETS[problem.dataset]


def images(path: Path | None, kind: Dataset) -> np.ndarray:
    """The training images in their frame, uint8 (n, 32, 32, channels); UserError when the file has others."""
    found = load(path, kind.stored_shape).train_images
    sides = (kind.frame, kind.frame)
    channels = found.reshape(*found.shape[:3], len(kind.channels))
    return np.pad(channels, ((0, 0), sides, sides, (0, 0)))


def schedule(problem: Problem, machine: Machine) -> Schedule:
    """The variances of the forward process, on the device."""
    return linear_schedule(**problem.diffusion.model_dump()).to(machine.device)


def build(problem: Problem, variant: UNet, seed: int = 0) -> unet.UNet:
    """The variant's U-Net with the initial weights of `seed`, for as many channels as the images have."""
    size = overlaid(problem.network, variant.network).model_dump(exclude_none=True)
    places: dict[str, Any] = {
        "conv_in": _place(variant, variant.conv_in),
        "conv_out": _place(variant, variant.conv_out),
    }
    middle = family(variant.middle.family, **variant.middle.options) if variant.middle else None
    with seeded(seed, "init"):
        layers = family(variant.family, **variant.options)
        return unet.UNet(layers, image_channels=len(dataset(problem).channels), middle=middle, **places, **size)


def models(spec: Experiment) -> dict[str, unet.UNet]:
    """The network of every variant, without weights: together they would take gigabytes."""
    with torch.device("meta"):
        return {name: build(spec.problem, variant) for name, variant in spec.variants.items()}


def restore(run: FinishedRun, machine: Machine) -> unet.UNet:
    """The run's U-Net with its averaged weights; UserError when they are those of another network."""
    model = build(run.spec.problem, run.spec.variant).to(machine.device)
    return run.load_into(model, run.tensors("weights.safetensors"))


def scaled(pixels: Tensor) -> Tensor:
    """Bytes -> float32 from -1 to 1."""
    return pixels.float() / 127.5 - 1


def to_bytes(x: Tensor) -> Tensor:
    """Values from -1 to 1, clipped, -> bytes; one that is not finite is an error, since it would turn into black."""
    if not torch.isfinite(x).all():
        raise FloatingPointError("the sampler of a finished run gives values that are not finite")
    return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def _place(variant: UNet, own: Place | None) -> Family | None:
    """The layers of a place where the variant has options of its own; None where it has none."""
    return family(variant.family, **variant.options | own.model_dump(exclude_none=True)) if own else None
