"""What a training consists of, before its first step."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from kanpipe.config.models import EpochTraining
from kanpipe.training.average import MovingAverage
from kanpipe.training.step import Objective, StepOptions
from kanpipe.training.validation import Validation

Batch = Callable[[int], tuple[Tensor, ...]]  # step -> the tensors that the objective takes
Snapshot = Callable[[nn.Module], dict[str, Tensor]]  # what is kept of a model, by name


@dataclass(frozen=True)
class Settings(StepOptions):
    """How long to train and how."""

    steps: int = field(kw_only=True)
    snapshot_steps: tuple[int, ...] = ()  # keep the weights, or what else is asked for, at the start of these steps
    check_every: int = 100  # steps between two looks at the loss: where a run may end as diverged, or be saved
    checkpoint_seconds: float = 60.0  # the least time between two checkpoints; 0: after each look

    @classmethod
    def of_epochs(cls, recipe: EpochTraining, steps_per_epoch: int, checkpoint_seconds: float) -> "Settings":
        """From a recipe that counts in epochs: its `epochs`, `snapshot_epochs` and `compile`."""
        return cls(
            steps=recipe.epochs * steps_per_epoch,
            compile=recipe.compile,
            snapshot_steps=tuple(epoch * steps_per_epoch for epoch in recipe.snapshot_epochs),
            checkpoint_seconds=checkpoint_seconds,
        )


@dataclass(frozen=True)
class EpochSchedule:
    """A scheduler of the learning rate that is told at the end of every epoch how it goes.

    That is the mean loss of the epoch, or the score of the validation, which must be due then too, that is named.
    """

    scheduler: torch.optim.lr_scheduler.ReduceLROnPlateau
    steps_per_epoch: int
    score: str | None = None


@dataclass(frozen=True)
class Recipe:
    """All that a training is made of, beside the run that it belongs to and the machine that computes.

    Every random number must be a function of a seed and the step, and be drawn by `batch`; only dropout and noise of
    layers, which take no generator, are seeded by the loop.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    objective: Objective  # (model, *tensors) -> scalars; `loss` is minimised, all are recorded
    batch: Batch
    settings: Settings
    schedule: EpochSchedule | None = None
    rate: Callable[[int], float] | None = None  # step -> the learning rate; None: what optimiser and schedule have
    average: MovingAverage | None = None  # of the weights: those that are kept, where there is one
    snapshot: Snapshot = nn.Module.state_dict
    validation: Validation | None = None
