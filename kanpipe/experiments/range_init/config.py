"""The keys of the range of the splines against initialisation in the configuration."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from kanpipe.config.layers import OfAnyFamily, OfFamily
from kanpipe.config.models import (
    EpochTraining,
    Name,
    Section,
    Standardise,
    TrainedEntry,
    Variant,
    Width,
    fault,
)

FAMILIES = ("kan", "mlp")
STARTS = ("kaiming", "pykan", "power_law", "torch_conv_kan")  # of B-spline layers, the first the usual one


class Classifier(Variant, OfFamily):
    """A classifier."""

    may_be_brought: ClassVar[bool] = False  # it is grids that are compared
    hidden: list[Width] = Field(
        min_length=1, description="widths of the hidden layers, each at least 1; one layer at least"
    )

    @model_validator(mode="after")
    def _has_a_grid_or_no_edges(self) -> "Classifier":
        if self.family not in FAMILIES:
            raise fault(f"{self.family} has no range and start to compare: choose {' or '.join(FAMILIES)}", "family")
        if (init := self.options.get("init", STARTS[0])) not in STARTS:
            raise fault(f"{init} is no start of B-splines: choose one of {', '.join(STARTS)}", "init")
        low, high = self.options.get("grid_range", (-1, 1))
        if -low != high:
            raise fault(f"[{low:g}, {high:g}] does not reach as far to both sides of 0", "grid_range")
        return self


class Problem(Section):
    """The images and their scale."""

    dataset: Literal["mnist", "digits"] = Field(description="mnist, or digits, which needs no download")
    standardise: Standardise = Field(
        description="what is taken from the pixels (0 to 1), and what they are divided by then"
    )


class Training(EpochTraining):
    """The training of every variant."""

    @model_validator(mode="after")
    def _keeps_start(self) -> "Training":
        if 0 not in self.snapshot_epochs:
            raise fault(f"{self.snapshot_epochs} does not contain 0, the start", "snapshot_epochs")
        return self


class Trained(Section):
    """What the training of one variant depends on."""

    problem: Problem
    training: Training
    variant: OfAnyFamily[Classifier]


class Experiment(TrainedEntry):
    """Range of the splines against initialisation."""

    variants: dict[Name, OfAnyFamily[Classifier]] = Field(min_length=1, description="the classifiers to compare")
    problem: Problem = Field(description="the images and their scale")
    training: Training = Field(description="the training of every variant")
