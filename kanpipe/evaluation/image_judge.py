"""A small convolutional network that tells the classes of images, to judge generated ones by.

It learns on grey and on binarised images alike, so that neither form is strange to it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kanpipe.data.mnist import binarise
from kanpipe.data.prepared import Images
from kanpipe.machine import Machine, seeded

SIDE = 28
CLASSES = 10
FEATURES = 64
CHUNK = 1000  # images at a time


class ImageJudge(nn.Module):
    """Pixels (n, 784) in [0, 1] -> logits of the ten classes (n, 10) and the features before them (n, 64)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Unflatten(1, (1, SIDE, SIDE)),
            nn.Conv2d(1, 16, 5, padding=2),
            nn.MaxPool2d(2),
            nn.GELU(),  # with ReLU a fifth of the features end as 0 for all images, which no covariance needs
            nn.Conv2d(16, 32, 5, padding=2),
            nn.MaxPool2d(2),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(32 * (SIDE // 4) ** 2, FEATURES),
            nn.GELU(),
        )
        self.head = nn.Linear(FEATURES, CLASSES)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return self.head(features), features


@dataclass(frozen=True)
class Judgement:
    """What the judge says of a set of images; entropies in nats, at most log 10 = 2.303."""

    confidences: np.ndarray  # (n,): the largest probability of each image
    entropy: float  # mean over images of the entropy of the classes: 0 when every image is clearly of one class
    class_entropy: float  # entropy of the mean distribution of the classes: log 10 when all are as frequent
    labels: np.ndarray  # (n,): the most probable classes
    features: np.ndarray  # (n, 64), float32: what a Frechet distance is taken of

    @property
    def confidence(self) -> float:
        """Mean over the images of the largest probability."""
        return float(self.confidences.mean())


def train_judge(
    images: Images,
    machine: Machine,
    seed: int = 0,
    *,
    steps: int = 1400,
    batch_size: int = 64,
    learning_rate: float = 0.006,
    threshold: float = 0.5,
) -> ImageJudge:
    """A judge trained with Adam and a one-cycle learning rate on images of 28 x 28 pixels.

    A batch is drawn with replacement, and binarised at `threshold` with even chance. Weights and batches are
    functions of `seed`. The defaults are for MNIST, of whose test images it then reads 99 % in either form.
    """
    forms = (images.train_images, 255 * binarise(images.train_images, threshold))
    grey, binary = (_bytes(form).to(machine.device) for form in forms)
    labels = torch.from_numpy(images.train_labels).long().to(machine.device)
    with seeded(seed, "judge"):
        model = ImageJudge().to(machine.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
    for step in range(steps):
        draw = machine.generator(seed, "judge batch", step)
        rows = torch.randint(len(labels), (batch_size,), generator=draw, device=machine.device)
        form = grey if torch.rand((), generator=draw, device=machine.device) < 0.5 else binary
        optimizer.zero_grad()
        F.cross_entropy(model(form[rows] / 255)[0], labels[rows]).backward()
        optimizer.step()
        rate.step()
    return model.eval()


@torch.no_grad()
def judge(model: ImageJudge, images: np.ndarray) -> Judgement:
    """The judgement of images (n, 28, 28) or (n, 784) of uint8, ink 255; of binary ones the pixels are 0 or 255.

    Raises TypeError for images that are not uint8 and ValueError for another number of pixels.
    """
    device = next(model.parameters()).device
    parts = [model(part.to(device) / 255) for part in _bytes(images).split(CHUNK)]
    logits, features = (torch.cat(pieces).cpu() for pieces in zip(*parts, strict=True))
    probabilities = logits.double().softmax(dim=-1)
    return Judgement(
        confidences=probabilities.amax(dim=-1).numpy(),
        entropy=_entropy(probabilities).mean().item(),
        class_entropy=_entropy(probabilities.mean(dim=0)).item(),
        labels=probabilities.argmax(dim=-1).numpy(),
        features=features.numpy(),
    )


def accuracy(model: ImageJudge, images: np.ndarray, labels: np.ndarray) -> float:
    """Percent of the images, as `judge` takes them, that are told as their labels say (n,)."""
    return 100 * float((judge(model, images).labels == labels).mean())


def _bytes(images: np.ndarray) -> Tensor:
    """(n, 28, 28) or (n, 784) -> (n, 784), uint8 both."""
    if images.dtype != np.uint8:
        raise TypeError(f"the judge takes images of uint8, 0 ... 255, not {images.dtype}")
    if images.shape[1:] not in ((SIDE, SIDE), (SIDE**2,)):
        raise ValueError(f"the judge takes images of {SIDE} x {SIDE} pixels, not of shape {images.shape[1:]}")
    return torch.from_numpy(images).flatten(1)


def _entropy(probabilities: Tensor) -> Tensor:
    """In nats: (..., classes) -> (...)."""
    return torch.special.entr(probabilities).sum(dim=-1)
