"""The keys of the classifiers of digits in the configuration."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from kanpipe.config.brought import OrBrought
from kanpipe.config.layers import FAMILIES, one_for_each
from kanpipe.config.models import (
    ChosenTiming,
    Count,
    Figures,
    Name,
    Plateau,
    Positive,
    Section,
    Seed,
    Standardise,
    TrainedEntry,
    Variant,
    Width,
    fault,
)
from kanpipe.experiments.overlay import overlaid

HEAD = "the head: one linear layer, or layers of a family"
Pair = Annotated[list[Name], Field(min_length=2, max_length=2)]
Precision = Literal["float32", "bfloat16"]


def _rising(ends: list[float]) -> list[float]:
    if ends[0] > ends[1]:
        raise fault(f"the first end, {ends[0]:g}, must not lie above the second, {ends[1]:g}")
    return ends


Fraction = Annotated[float, Field(gt=0, lt=1)]
Factors = Annotated[list[Positive], Field(min_length=2, max_length=2), AfterValidator(_rising)]
Shares = Annotated[list[Fraction], Field(min_length=2, max_length=2), AfterValidator(_rising)]


class OwnTraining(Section):
    """What the training of a variant has for itself."""

    epochs: Count | None = Field(None, description="passes over the training images at most")
    learning_rate: Positive | None = Field(None, description="of AdamW at the start")
    precision: Precision | None = Field(None, description="of products")
    compile: bool | None = Field(None, description="whether torch.compile is used")


class Classifier(Variant):
    """A classifier: a feature extractor, or none, and a head."""

    needs: ClassVar[tuple[str, ...]] = ()  # of the layers of the head, beside fully connected ones
    extractor: Literal["wide", "lean", "none"] = Field(
        description="wide and lean are those of the two published networks; with none the head sees the pixels"
    )
    head: str = Field(description=HEAD)
    hidden: list[Width] = Field([], description="widths of the head's hidden layers, each at least 1")
    training: OwnTraining | None = Field(None, description="what differs from `training`")

    @property
    def options(self) -> dict[str, Any]:
        """The options of the head's layers that are given."""
        return {}

    @model_validator(mode="after")
    def _keeps_linear(self) -> "Classifier":
        if self.head == "linear" and self.hidden:
            raise fault(f"the head linear has no hidden layer, so {self.hidden} needs the head mlp", "hidden")
        return self


class LinearHead(Classifier):
    """A classifier with one linear layer as its head."""

    head: Literal["linear"] = Field(description=HEAD)


if TYPE_CHECKING:
    AnyClassifier = Classifier
else:
    AnyClassifier = Annotated[
        reduce(or_, one_for_each(Classifier, tag="head"), LinearHead),
        Field(discriminator="head", description=Classifier.__doc__),
        OrBrought(Classifier, frozenset(FAMILIES) | {"linear"}, tag="head"),
    ]


class Held(Section):
    """The training images that are held out to choose by, of every digit its share."""

    images: Count = Field(description="number of images that are held out")
    seed: Seed = Field(description="seed of the choice, the same for all runs")


class Problem(Section):
    """The images and what all networks share."""

    dataset: Literal["mnist", "digits"] = Field(description="mnist, or digits, which needs no download")
    validation: Held = Field(description="the training images that are held out to choose by, of every digit its share")
    standardise: Standardise = Field(
        description="what is taken from the pixels (0 to 1), and what they are divided by then"
    )
    dropout: float = Field(ge=0, lt=1, description="share of values left out after the stages of an extractor")


class Augmentation(Section):
    """How far training images are changed, in batches on the device."""

    degrees: float = Field(ge=0, description="of the turn to either side, at most")
    shift: float = Field(ge=0, lt=1, description="to either side in both directions, at most, as a share of the side")
    interpolation: Literal["nearest", "bilinear"] = Field(description="of pixels that are turned")
    erase: float = Field(ge=0, le=1, description="share of the images of which a box is erased")
    scale: Factors | None = Field(None, description="ends of the factor of the size; none: 1")
    erased_area: Shares | None = Field(None, description="ends of the erased share of an image; none: 0.02 and 0.33")
    erased_ratio: Factors | None = Field(
        None, description="ends of the height of a box over its width; none: 0.3 and 3.3"
    )


class Stopping(Section):
    """Which weights are kept and when a training ends, by the validation images, scored at the end of every epoch."""

    metric: Literal["loss", "accuracy"] = Field(description="the score by which weights, and learning rates, are best")
    patience: Count = Field(description="epochs in a row without a better score that end the training")


class Training(Section):
    """The training of every variant."""

    epochs: Count = Field(description="passes over the training images at most")
    batch_size: Count = Field(description="images a step")
    learning_rate: Positive = Field(description="of AdamW at the start")
    weight_decay: float = Field(ge=0, description="of AdamW")
    clip_norm: Positive | None = Field(None, description="the largest norm of the whole gradient; none: as it is")
    plateau: Plateau = Field(description="when the learning rate is lowered, by the validation loss")
    stopping: Stopping = Field(description="which weights are kept and when a training ends, by the validation images")
    augmentation: Augmentation | None = Field(None, description="how training images are changed; none: not at all")
    precision: Precision = Field(
        "float32", description="of products in training, by autocast; bfloat16 is for processors that are made for it"
    )
    compile: bool = Field(description="whether torch.compile is used: it gains nothing for an extractor on a CPU")


class Evaluation(Section):
    """What the scores are compared with."""

    pairs: list[Pair] = Field(
        description="networks whose accuracies are compared, the one and what is taken from it; left out where one "
        "of the two is"
    )
    margin: Positive = Field(description="accuracies are similar that differ by less, in percentage points")
    misread: Count = Field(description="of the images that most runs misread, how many are shown")


class Timing(ChosenTiming):
    """What is timed, all in turns, and how: no training is needed for it."""

    batch_size: Count = Field(description="images a step")


class Trained(Section):
    """What the training of one variant depends on."""

    problem: Problem
    training: Training
    variant: AnyClassifier

    @property
    def recipe(self) -> Training:
        """The settings of the variant's training."""
        return overlaid(self.training, self.variant.training)


class Experiment(TrainedEntry):
    """Classifiers of digits: feature extractors and heads."""

    variants: dict[Name, AnyClassifier] = Field(min_length=1, description="the classifiers to compare")
    problem: Problem = Field(description="the images and what all networks share")
    training: Training = Field(description="the training of every variant")
    evaluation: Evaluation = Field(description="what the scores are compared with")
    timing: Timing = Field(description="what is timed, all in turns, and how: no training is needed for it")
    figures: Figures = Field(description="what the figures show")

    @model_validator(mode="after")
    def _knows_pairs(self) -> "Experiment":
        for pair in self.evaluation.pairs:
            for name in pair:
                self._check_known(name, "evaluation", "pairs")
        return self
