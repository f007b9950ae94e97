"""The task of the experiment: digits, a part of them held out to choose by, and classifiers of them."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.config.models import Standardise
from kanpipe.data.prepared import Images, load
from kanpipe.data.splits import Split, stratified_split
from kanpipe.experiments.mnist_classifiers.config import Classifier, Experiment, Problem
from kanpipe.layers.families import family
from kanpipe.machine import Machine, seeded
from kanpipe.models.classifier import CLASSES, FEATURES, LINEAR, PIXELS, DigitClassifier
from kanpipe.runs import FinishedRun

SIDE = 28
CHUNK = 500  # images that are read at once, so that the features of an extractor need little memory
DROPOUT = 0.25  # where nothing is trained


def images(path: Path | None) -> Images:
    """The dataset; UserError when its images are not of 28 x 28 pixels."""
    return load(path, (SIDE, SIDE))


def split(data: Images, problem: Problem) -> Split:
    """The training images to learn from and those that are held out, by their rows."""
    return stratified_split(data.train_labels, problem.validation.images, problem.validation.seed)


def on_device(array: np.ndarray, machine: Machine) -> Tensor:
    return torch.from_numpy(array).to(machine.device)


def grey(pixels: Tensor) -> Tensor:
    """Bytes (n, 28, 28) -> images (n, 1, 28, 28) from 0 to 1, ink 1."""
    return pixels.unsqueeze(1) / 255


def standardised(images: Tensor, scale: Standardise) -> Tensor:
    """Images from 0 to 1, of any shape, as the networks see them."""
    return (images - scale.mean) / scale.sd


def build(variant: Classifier, seed: int = 0, dropout: float = DROPOUT) -> DigitClassifier:
    """The variant's classifier with the initial weights of `seed`."""
    head = LINEAR if variant.head == LINEAR else family(variant.head, **variant.options)
    with seeded(seed, "init"):
        return DigitClassifier(variant.extractor, head, variant.hidden, dropout=dropout)


def models(spec: Experiment) -> dict[str, DigitClassifier]:
    """The network of every variant."""
    return {name: build(variant) for name, variant in spec.variants.items()}


def widths(variant: Classifier) -> list[int]:
    """Those of the head, from the features or pixels that it sees to the digits."""
    return [PIXELS if variant.extractor == "none" else FEATURES, *variant.hidden, CLASSES]


def published_gradient(variant: Classifier) -> bool:
    """Whether the layers of the head have the gradient of the published code, half of the true one."""
    return bool(variant.options.get("published_gradient", False))


def placed(model: DigitClassifier, machine: Machine) -> DigitClassifier:
    """The model on the device, its convolutions with the channels last in memory, which is faster."""
    return model.to(device=machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch declares it for tensors alone


def restore(run: FinishedRun, weights: dict[str, Tensor], machine: Machine) -> DigitClassifier:
    """The run's classifier with these weights, in eval mode; UserError when they are those of another network."""
    return run.load_into(placed(build(run.spec.variant), machine), weights)


@torch.no_grad()
def logits(model: nn.Module, pixels: Tensor, scale: Standardise) -> Tensor:
    """What the model makes of bytes (n, 28, 28), in the mode that it is in: (n, 10)."""
    return torch.cat([model(standardised(grey(rows), scale)) for rows in pixels.split(CHUNK)])


def loss_and_accuracy(found: Tensor, labels: Tensor) -> dict[str, float]:
    """The mean cross-entropy in nats, and the accuracy in per cent, of logits (n, 10) for labels (n,)."""
    right = (found.argmax(dim=1) == labels).double().mean()
    return {"loss": F.cross_entropy(found.double(), labels).item(), "accuracy": 100 * right.item()}
