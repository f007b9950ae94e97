"""The task of the experiment: photographs of 32 x 32 pixels, the diffusion, and the U-Net of a variant."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpipe.data.prepared import load
from kanpipe.diffusion.schedules import Schedule, linear_schedule
from kanpipe.errors import UserError
from kanpipe.layers.families import Family, family
from kanpipe.machine import Machine, seeded
from kanpipe.models.unet import UNet
from kanpipe.runs import FinishedRun

Spec = dict[str, Any]

SHAPE = (3, 32, 32)
PLACES = ("conv_in", "conv_out", "middle")  # of a U-Net, where a variant may have layers of its own


def images(path: Path) -> np.ndarray:
    """The training images, uint8 (n, 32, 32, 3); UserError when the dataset has others."""
    found = load(path).train_images
    if found.shape[1:] != (32, 32, 3):
        raise UserError(f"{path} has images of shape {found.shape[1:]}; this experiment takes (32, 32, 3)")
    return found


def recipe(spec: Spec) -> dict[str, Any]:
    """The settings of the training, with those of the variant laid over them."""
    return spec["training"] | spec["variant"].get("training", {})


def schedule(spec: Spec, machine: Machine) -> Schedule:
    """The variances of the forward process, on the device."""
    return linear_schedule(**spec["diffusion"]).to(machine.device)


def build(spec: Spec, seed: int = 0) -> UNet:
    """The variant's U-Net with the initial weights of `seed`."""
    options = {name: value for name, value in spec["variant"].items() if name != "training"}
    network = spec["network"] | options.pop("network", {})
    places = {place: options.pop(place) for place in PLACES if place in options}
    own = {place: _family(other if "family" in other else options | other) for place, other in places.items()}
    with seeded(seed, "init"):
        return UNet(_family(options), **network, **own)


def restore(run: FinishedRun, machine: Machine) -> UNet:
    """The run's U-Net with its averaged weights; UserError when they are those of another network."""
    model = build(run.spec).to(machine.device)
    return run.load_into(model, run.tensors("weights.safetensors")).eval()


def scaled(pixels: Tensor) -> Tensor:
    """Bytes -> float32 from -1 to 1."""
    return pixels.float() / 127.5 - 1


def to_bytes(x: Tensor) -> Tensor:
    """Values from -1 to 1, clipped, -> bytes; one that is not finite is an error, since it would turn into black."""
    if not torch.isfinite(x).all():
        raise FloatingPointError("the sampler of a finished run gives values that are not finite")
    return ((x.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def _family(options: dict[str, Any]) -> Family:
    return family(**{"name" if key == "family" else key: value for key, value in options.items()})
