"""The keys of the fits of known functions in the configuration."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from kanpipe.config.brought import OrBrought
from kanpipe.config.layers import FAMILIES, one_for_each
from kanpipe.config.models import (
    Count,
    Distinct,
    GridSize,
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
from kanpipe.experiments.overlay import overlaid

Varied = Annotated[list[Width], Distinct]
INPUTS = {"exp_sin": 4, "exp_sin_pi": 4, "plane": 2, "line": 1}  # of every target, which has one output


class OwnTraining(Section):
    """What the training of a variant has for itself."""

    restarts: Count | None = Field(None, description="short trainings of which the best goes on")
    restart_points: Count | None = Field(None, description="training points that a restart sees")
    sparse_steps: Moment | None = Field(None, description="steps of a restart with the penalty on edges in use")
    free_steps: Moment | None = Field(None, description="steps of a restart after that, without it")
    steps: Count | None = Field(None, description="LBFGS steps a stage")
    move_steps: list[Moment] | None = Field(
        None, description="steps of a stage before which the inner ranges follow the activations"
    )


class Network(Variant):
    """A network that is fitted to a function."""

    target: Literal[*INPUTS] = Field(  # type: ignore[valid-type]  # the names of a table
        description="the function to fit"
    )
    samples: Count = Field(description="number of training points, at least 1")
    precision: Literal["float64", "float32"] = Field("float64", description="type of the weights and the points")
    training: OwnTraining | None = Field(None, description="what differs from `training`")
    widths: list[Width] = Field(
        min_length=2,
        description="numbers of inputs (those of the target), of each hidden layer's units, and of outputs (1)",
    )

    @model_validator(mode="after")
    def _fits_target(self) -> "Network":
        inputs = INPUTS[self.target]
        if [self.widths[0], self.widths[-1]] != [inputs, 1]:
            raise fault(f"{self.widths} cannot fit {self.target}, which has {inputs} inputs and 1 output", "widths")
        return self


class Kan(Network):
    """A KAN whose grid becomes ever finer."""

    family: Literal["kan"] = Field(description="the kind of network")
    grid_sizes: list[GridSize] = Field(min_length=1, description="grid intervals of every stage, one after another")


class OneStage(Network):
    """A network that is trained in one stage."""

    family: str = Field(description="the kind of network")
    matches: Count | None = Field(
        None, description="the grid size at which the deep KAN has about as many parameters as this network"
    )


class Mlp(OneStage):
    """An MLP."""

    family: Literal["mlp"] = Field(description="the kind of network")
    activation: Literal["silu", "tanh", "relu"] = Field(description="what stands between the layers of an MLP")


class OtherKan(OneStage):
    """A KAN of other functions than B-splines."""

    needs: ClassVar[tuple[str, ...]] = ("float64",)  # of its layers, beside fully connected ones

    @property
    def options(self) -> dict[str, Any]:
        """The options of its layers that are given; each family has its own."""
        raise NotImplementedError


if TYPE_CHECKING:
    AnyNetwork = Kan | Mlp | OtherKan
else:
    OTHERS = [name for name in FAMILIES if name not in ("kan", "mlp")]
    AnyNetwork = Annotated[
        reduce(or_, one_for_each(OtherKan, OTHERS), Kan | Mlp),
        Field(discriminator="family"),
        OrBrought(OtherKan, frozenset(FAMILIES)),
    ]


class Problem(Section):
    """The points on which all runs of a target are scored."""

    test_points: Count = Field(description="number of test points")
    test_seed: Seed = Field(description="seed of the test points")


class Training(Section):
    """Restarts and stages, all by LBFGS."""

    restarts: Count = Field(description="short trainings from different starts; the best goes on")
    restart_points: Count = Field(description="training points that a restart sees")
    sparse_steps: Moment = Field(description="steps of a restart with the penalty on edges in use")
    free_steps: Moment = Field(description="steps of a restart after that, without it")
    steps: Count = Field(description="LBFGS steps of a stage")
    inner_iterations: Count = Field(description="iterations that make up a step")
    history: Count = Field(description="steps that LBFGS remembers")
    move_steps: list[Moment] = Field(
        description="steps of a stage before which the inner ranges follow the activations"
    )
    sparsity: float = Field(ge=0, description="weight of the penalty")
    entropy: float = Field(ge=0, description="weight of the entropy within the penalty")


class Growth(Section):
    """What is varied, one thing at a time about the second value of each list, and how it is timed."""

    widths: Varied = Field(min_length=2, description="units a layer, at least two values")
    depths: Varied = Field(min_length=2, description="numbers of layers, at least two")
    grid_sizes: Varied = Field(min_length=2, description="grid sizes, at least two")
    batch: Count = Field(description="examples a step")
    rounds: int = Field(ge=2, description="rounds in which all are timed in turn, at least 2")
    block_seconds: Positive = Field(description="the least time of one measurement")


class WarmUp(Section):
    """Labels on either side of a cubic curve."""

    points: int = Field(ge=20, description="number of points, at least 20")
    gap: float = Field(ge=0, lt=1, description="the least vertical distance of a point from the curve")
    samples: Count = Field(description="how many samples of points are drawn, a seed each")
    seed: Seed = Field(description="seed of the first")


class Locality(Section):
    """A curve of which one control point is moved."""

    grid_size: Count = Field(description="grid intervals of the curve")
    control_point: int = Field(ge=0, description="which of the grid_size + 3, counted from 0")
    seed: Seed = Field(description="seed of the curve")

    @model_validator(mode="after")
    def _has_the_point(self) -> "Locality":
        if self.control_point >= self.grid_size + 3:
            raise fault(f"{self.control_point} is none of the {self.grid_size + 3} points", "control_point")
        return self


class Evaluation(Section):
    """Slopes, growth of time, warm-up and locality."""

    slope_from: Count = Field(description="the least grid size that a slope is fitted to")
    growth: Growth = Field(description="what is varied, one thing at a time, and how it is timed")
    warm_up: WarmUp = Field(description="labels on either side of a cubic curve")
    locality: Locality = Field(description="a curve of which one control point is moved")


class Trained(Section):
    """What the training of one variant depends on."""

    problem: Problem
    training: Training
    variant: AnyNetwork

    @property
    def recipe(self) -> Training:
        """The settings of the variant's training."""
        return overlaid(self.training, self.variant.training)


class Experiment(TrainedEntry):
    """Functions with a known composition, fitted by KANs with ever finer grids and by MLPs."""

    variants: dict[Name, AnyNetwork] = Field(min_length=1, description="the networks to compare")
    problem: Problem = Field(description="the points on which all runs of a target are scored")
    training: Training = Field(description="restarts and stages, all by LBFGS")
    evaluation: Evaluation = Field(description="slopes, growth of time, warm-up and locality")
