"""The base of all models of the configuration, and the kinds of values that many of them have.

An experiment has its own model, `Experiment`, in kanpipe/experiments/<name>/config.py. These modules import no torch,
since Snakemake reads them whenever it starts.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from kanpipe.errors import named, shown

Count = Annotated[int, Field(ge=1, le=10**9, description="a whole number of at least 1")]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1, description="seed of a random generator, below 2^32")]
Positive = Annotated[float, Field(gt=0)]
Width = Annotated[int, Field(ge=1, le=2**20, description="width of a layer, at least 1")]
GridSize = Annotated[int, Field(ge=1, le=2**13, description="intervals of a spline grid, at least 1")]
# A name is part of names of files, which may have 255 bytes.
Name = Annotated[
    str, Field(pattern="^[a-z][a-z0-9_]*$", max_length=100, description="named in lower case with underscores")
]
Moment = Annotated[int, Field(ge=0)]
Role = Literal["published", "control", "ablation"]


def fault(words: str, *path: str) -> PydanticCustomError:
    """A relation between keys that does not hold, to be raised in a model that `path` leads on from."""
    return PydanticCustomError("fault", "{words}", {"words": words, "path": path})


def _distinct(values: list) -> list:
    if len(set(values)) < len(values):
        raise fault(f"{shown(values)} names something twice")
    return values


Distinct = AfterValidator(_distinct)
TrainingSeeds = Annotated[list[Seed], Field(min_length=1, description="training seeds, one run each"), Distinct]
Names = Annotated[list[str], Field(min_length=1), Distinct]
Widths = Annotated[
    list[Width], Field(min_length=2, description="inputs, hidden units and outputs, or channels; two at least")
]


class Section(BaseModel):
    """Keys of the configuration: none but the known ones, and no value taken for one of another type."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Matching(Section):
    """The variant that one is to be as large as."""

    variant: str = Field(description="the other variant, which need not be trained")
    by: Literal["parameters"] = Field("parameters", description="what both are to have as many of")


class Variant(Section):
    """What every variant may say of itself beside its numbers."""

    role: Role = Field(
        "ablation",
        description="published: in the sources; control: not in them, to tell causes apart; ablation: anything changed",
    )
    match: Matching | None = Field(
        None,
        description="as large as another variant: hidden widths are then the proportions in which they grow, and a "
        "U-Net has the channels that fit",
    )


class Timing(Section):
    """How times are taken."""

    rounds: Count = Field(description="rounds in which all take turns; an interval needs 6")
    block_seconds: Positive = Field(description="time that the calls of one fill in a round")


class EpochTraining(Section):
    """The training of every variant."""

    epochs: Count = Field(description="passes over the data")
    batch_size: Count = Field(description="examples a step")
    learning_rate: Positive = Field(description="of Adam at the start")
    compile: bool = Field(description="whether torch.compile is used: faster steps, half a minute to start")
    snapshot_epochs: Annotated[list[Moment], Distinct] = Field(
        description="epochs at whose start the weights are kept and scored later"
    )

    @model_validator(mode="after")
    def _reaches_snapshots(self) -> "EpochTraining":
        check_reached("snapshot_epochs", self.snapshot_epochs, "epochs", self.epochs)
        return self


class Plateau(Section):
    """When the learning rate is lowered: the loss of an epoch has not fallen for more than `patience` of them."""

    factor: float = Field(gt=0, lt=1, description="the learning rate is multiplied by it, below 1")
    patience: int = Field(ge=0, description="epochs without a lower loss that are let pass")


class Standardise(Section):
    """What is taken from the pixels (0 to 1), and what they are divided by then."""

    mean: float = Field(description="taken from every pixel")
    sd: Positive = Field(description="every pixel is divided by this")


class ChosenTiming(Timing):
    """What is timed, all in turns."""

    variants: Names = Field(description="the variants that are timed, as ratios to the first")


class Figures(Section):
    """What the figures show."""

    variants: Names = Field(description="the variants that figures show which have no room for all")


class Entry(Section):
    """What every entry below `experiments` may have; its `kind` says by which code it is run."""

    only: dict[str, list[str]] | None = Field(
        None,
        description="what is kept of the names in a place such as `variants` or `sampling.samplers`",
    )


class TrainedEntry(Entry):
    """An entry whose variants are trained with seeds."""

    variants: Mapping[str, Variant]
    seeds: TrainingSeeds = Field(description="training seeds, one run each")
    variant_seeds: dict[str, TrainingSeeds] = Field(
        {}, description="training seeds of variants that have others than `seeds`"
    )

    @model_validator(mode="after")
    def _knows_variants(self) -> "TrainedEntry":
        for block in ("timing", "figures"):
            for name in getattr(getattr(self, block, None), "variants", ()):
                self._check_known(name, block, "variants")
        for name in self.variant_seeds:
            self._check_known(name, "variant_seeds")
        return self

    def _check_known(self, name: str, *path: str) -> None:
        if name not in self.variants:
            raise fault(f"there is no variant {named(name)}", *path)


def check_reached(key: str, moments: list[int], unit: str, end: int, *path: str) -> None:
    """Raise the fault of moments of a training that it does not reach."""
    if late := [moment for moment in moments if moment >= end]:
        raise fault(f"{shown(late)} lies at or beyond the end, {end} {unit}", *path, key)
