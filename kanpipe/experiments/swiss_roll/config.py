"""The keys of the swiss roll in the configuration."""

from typing import Annotated

from pydantic import Field, model_validator

from kanpipe.config.layers import OfAnyFamily, OfFamily
from kanpipe.config.models import (
    Count,
    Distinct,
    EpochTraining,
    Moment,
    Name,
    Positive,
    Section,
    Seed,
    TrainedEntry,
    Variant,
    Width,
    fault,
)


class Denoiser(Variant, OfFamily):
    """A denoiser."""

    hidden: list[Width] = Field(description="widths of the hidden layers, each at least 1")


class Data(Section):
    """Arguments of scikit-learn's make_swiss_roll."""

    points: int = Field(ge=10, description="number of points, at least 10")
    noise: float = Field(ge=0, description="standard deviation of the noise")
    scale: Positive = Field(description="the data are divided by this")
    seed: Seed = Field(description="seed of the data")


class Diffusion(Section):
    """The noise schedule."""

    steps: Count = Field(description="steps of the diffusion, at least 1")
    beta: float = Field(gt=0, lt=1, description="variance of the noise of every step")


class Problem(Section):
    """The data and the diffusion."""

    data: Data = Field(description="arguments of scikit-learn's make_swiss_roll")
    diffusion: Diffusion = Field(description="the noise schedule")


class Training(EpochTraining):
    """The training of every variant."""

    snapshot_epochs: Annotated[list[Moment], Distinct] = Field(
        min_length=1, description="epochs at whose start the weights are kept, at least one"
    )


class Sampling(Section):
    """Ancestral sampling."""

    points: Count = Field(description="points drawn by every run")
    seed: Seed = Field(description="seed of the samples")


class Evaluation(Section):
    """The scores."""

    common_sample: Count = Field(description="noisy points on which every run is scored, at least 1")
    common_seed: Seed = Field(description="seed of those points")
    fresh_points: Count = Field(description="points that no training saw")
    fresh_seed: Seed = Field(description="seed of those points")
    ideal_sampler: bool = Field(
        description="whether as many points are drawn with the posterior mean in the place of a network: minutes"
    )
    projections: Count = Field(description="projections of the sliced Wasserstein distance")
    projection_seed: Seed = Field(description="seed of the projections")
    last_epochs: int = Field(
        ge=2, description="epochs at the end over which first-batch losses are averaged, at least 2"
    )


class Trained(Section):
    """What the training of one variant depends on."""

    problem: Problem
    training: Training
    variant: OfAnyFamily[Denoiser]


class Experiment(TrainedEntry):
    """Swiss-roll diffusion."""

    variants: dict[Name, OfAnyFamily[Denoiser]] = Field(min_length=1, description="the denoisers to compare")
    problem: Problem = Field(description="the data and the diffusion")
    training: Training = Field(description="the training of every variant")
    sampling: Sampling = Field(description="ancestral sampling")
    evaluation: Evaluation = Field(description="the scores")

    @model_validator(mode="after")
    def _points_are_fresh(self) -> "Experiment":
        fresh = range(self.evaluation.fresh_seed, self.evaluation.fresh_seed + 3)  # of scores, and of their floors
        if self.problem.data.seed in fresh:
            words = f"{self.problem.data.seed} is the seed of the data, of which none may be {fresh[0]} to {fresh[-1]}"
            raise fault(words, "evaluation", "fresh_seed")
        return self
