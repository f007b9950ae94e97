"""The keys of the denoising diffusion of small images in the configuration."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from kanpipe.config.layers import (
    CONV_NORM,
    INPUT_NORM,
    OUTPUT_ACTIVATION,
    Activation,
    ConvNorm,
    InputNorm,
    OfAnyFamily,
    OfFamily,
)
from kanpipe.config.models import (
    ChosenTiming,
    Count,
    Distinct,
    Figures,
    Moment,
    Name,
    Positive,
    Section,
    Seed,
    TrainedEntry,
    Variant,
    check_reached,
    fault,
)
from kanpipe.experiments.cifar10_ddim.datasets import DATASETS, GREY
from kanpipe.experiments.overlay import overlaid, where_it_differs

COMPILE = "whether torch.compile is used: worth it for thousands of images"
STRIP = "strip"  # of the samples: the pictures of the way from noise to image, so that no sampler can be called that


class Place(Section):
    """Options of one layer that differ from those of the others."""

    conv_norm: ConvNorm | None = Field(None, description=CONV_NORM)
    output_activation: Activation | None = Field(None, description=OUTPUT_ACTIVATION)
    input_norm: InputNorm | None = Field(None, description=INPUT_NORM)

    @model_validator(mode="after")
    def _differs(self) -> "Place":
        if not self.model_fields_set:
            raise fault("{} should be non-empty")
        return self


class Middle(OfFamily):
    """Three layers on the pixels at the bottleneck, as in U-KAN, and their family."""

    needs: ClassVar[tuple[str, ...]] = ("meta",)


class Network(Section):
    """The size of every U-Net."""

    channels: int = Field(
        ge=4, le=2**12, multiple_of=2, description="those of the first level: even, at least 4, a multiple of `groups`"
    )
    multipliers: list[Annotated[int, Field(ge=1, le=64)]] = Field(
        min_length=1, description="channels of each level as multiples of those of the first"
    )
    groups: int = Field(ge=1, description="groups of channels that are normalised together")
    dropout: float = Field(ge=0, lt=1, description="share of values that are left out in training")
    end_gain: float | None = Field(
        None, ge=0, description="factor of the initial weights of the last layer of every block and of the net"
    )


class Ema(Section):
    """The moving average of the weights, with which samples are drawn."""

    decay: float = Field(ge=0, lt=1, description="share that is kept in each step, below 1")
    ramp: bool = Field(description="whether step t keeps no more than (1 + t) / (10 + t)")


class Held(Section):
    """Training images that are held out: no step sees them, and the loss on them says how far a training is."""

    images: Count = Field(description="number of images that are held out, the last ones")
    every: Count = Field(description="steps between two looks at the loss on them")


class Training(Section):
    """The training of every variant."""

    steps: Count = Field(description="training steps")
    batch_size: Count = Field(description="images a step")
    learning_rate: Positive = Field(description="of Adam")
    decay: Literal["constant", "cosine"] = Field(
        description="the course of the learning rate: as it is, or along half a cosine to 0"
    )
    clip_norm: Positive = Field(description="the largest norm of the gradient")
    min_snr: Positive | None = Field(None, description="where given, weights min(SNR, min_snr) / SNR of the loss")
    ema: Ema = Field(description="the moving average of the weights, with which samples are drawn")
    precision: Literal["float32", "bfloat16"] = Field(description="of products, by autocast; weights are float32")
    compile: bool = Field(description="whether torch.compile is used: faster steps, minutes to start")
    cuda_graph: bool = Field(description="whether a step on a GPU is one CUDA graph, which needs no host")
    micro_batches: Count = Field(description="parts that a batch is cut into, to save memory, at least 1")
    probe_steps: Annotated[list[Moment], Distinct] = Field(
        description="steps at whose start the inputs of the KAN layers are looked at"
    )
    validation: Held | None = Field(
        None,
        description="training images that are held out to follow the loss; the weights with the lowest are kept; "
        "none: all images are trained on, and the last weights are kept",
    )


if TYPE_CHECKING:
    OwnNetwork = Network
    OwnTraining = Training
else:
    OwnNetwork = where_it_differs(Network, "The size of a U-Net, where it is not that of the others.")
    OwnTraining = where_it_differs(Training, "The training of a denoiser, where it is not that of the others.")


class UNet(Variant, OfFamily):
    """A U-Net."""

    needs: ClassVar[tuple[str, ...]] = ("conv2d", "meta")
    title: str | None = Field(None, min_length=1, description="what tables and figures call it")
    conv_in: Place | None = Field(None, description="options of the first convolution alone")
    conv_out: Place | None = Field(None, description="options of the last convolution alone")
    middle: OfAnyFamily[Middle] | None = Field(
        None, description="three layers on the pixels at the bottleneck, as in U-KAN, and their family"
    )
    network: OwnNetwork | None = Field(None, description="what differs from `problem.network`")
    training: OwnTraining | None = Field(None, description="what differs from `training`")

    @model_validator(mode="after")
    def _fits_family(self) -> "UNet":
        for place in ("conv_in", "conv_out"):
            for option in getattr(getattr(self, place), "model_fields_set", ()):
                if option not in type(self).model_fields:
                    raise fault(f"the family {self.family} has no such key", place, option)
        return self


class Diffusion(Section):
    """The variances of the steps, which grow evenly."""

    steps: int = Field(ge=2, description="steps T of the diffusion, at least 2")
    first: float = Field(gt=0, lt=1, description="beta of the first step, between 0 and 1")
    last: float = Field(gt=0, lt=1, description="beta of the last step, between 0 and 1")


class Problem(Section):
    """The images, the diffusion and the U-Net."""

    dataset: Literal[*DATASETS] = Field(  # type: ignore[valid-type]  # the names of a table
        description="the images; photographs and digits need no download"
    )
    diffusion: Diffusion = Field(description="the variances of the steps, which grow evenly")
    network: Network = Field(description="the size of every U-Net")


class Strip(Section):
    """The pictures of the way from noise to image."""

    images: Count = Field(description="images whose way is shown")
    states: int = Field(ge=2, description="states of the way, at least 2")


class Sampler(Section):
    """A way to sample."""

    timesteps: Literal["quadratic", "uniform", "ancestral"] = Field(
        description="how the times of DDIM are spaced, or ancestral sampling over all times"
    )
    count: Count | None = Field(None, description="number of times S of DDIM, at least 1")
    eta: float | None = Field(None, ge=0, le=1, description="share of the noise of ancestral sampling, 0 to 1")
    images: int = Field(ge=10, description="images to draw, at least 10, which an Inception Score needs")

    @model_validator(mode="after")
    def _counts_times(self) -> "Sampler":
        if self.timesteps != "ancestral" and self.count is None:
            raise fault("'count' is a required property")
        if self.timesteps == "ancestral" and (given := self.model_fields_set & {"count", "eta"}):
            raise fault("ancestral sampling walks over all times and has no such key", min(given))
        return self


class Sampling(Section):
    """The images that are drawn from every U-Net."""

    seed: Seed = Field(description="seed of the samples, to which that of the training is added")
    batch_size: Count = Field(description="images drawn at once")
    strip: Strip = Field(description="the pictures of the way from noise to image")
    samplers: dict[Name, Sampler] = Field(min_length=1, description="ways to sample; the first is the main one")

    @model_validator(mode="after")
    def _has_room_for_strip(self) -> "Sampling":
        if STRIP in self.samplers:
            raise fault("that is what the pictures of the way are called; take another", "samplers", STRIP)
        main, sampler = next(iter(self.samplers.items()))
        if self.strip.images > (first := min(self.batch_size, sampler.images)):
            words = f"{self.strip.images} is more than the {first} images of the first batch of {main}"
            raise fault(words, "strip", "images")
        return self


class Inception(Section):
    """The Inception of FID."""

    layers: Annotated[list[Literal[64, 192, 768, 2048, "logits_unbiased"]], Distinct] = Field(
        min_length=1, description="layers by their number of features; logits_unbiased for the Inception Score"
    )
    compile: bool = Field(description=COMPILE)


class EfficientNet(Section):
    """EfficientNet-Lite0 with its ImageNet weights."""

    layers: Annotated[list[Literal[1280, "logits"]], Distinct] = Field(
        min_length=1, description="the layer of 1280 features; logits for its own Inception Score"
    )
    compile: bool = Field(description=COMPILE)


class Extractors(Section):
    """Networks whose features are compared."""

    inception: Inception | None = Field(None, description="the Inception of FID")
    efficientnet_lite0: EfficientNet | None = Field(None, description="EfficientNet-Lite0 with its ImageNet weights")


class Evaluation(Section):
    """Fidelity, and what becomes of the colours."""

    reference_images: int = Field(ge=4, description="training images that samples are compared with, at least 4")
    extractors: Extractors = Field(description="networks whose features are compared")
    judge_steps: Count | None = Field(
        None, description="training steps of a classifier that reads generated digits; none: it is not asked"
    )
    seed: Seed = Field(description="seed of all that is drawn to score")


class Trained(Section):
    """What the training of one variant depends on."""

    problem: Problem
    training: Training
    variant: OfAnyFamily[UNet]

    @property
    def recipe(self) -> Training:
        """The settings of the variant's training."""
        return overlaid(self.training, self.variant.training)

    @property
    def network(self) -> Network:
        """The size of the variant's U-Net."""
        return overlaid(self.problem.network, self.variant.network)


class Experiment(TrainedEntry):
    """Denoising diffusion of images of 32 x 32 pixels by U-Nets."""

    variants: dict[Name, OfAnyFamily[UNet]] = Field(min_length=1, description="the U-Nets to compare")
    problem: Problem = Field(description="the images, the diffusion and the U-Net")
    training: Training = Field(description="the training of every variant")
    sampling: Sampling = Field(description="the images that are drawn from every U-Net")
    evaluation: Evaluation = Field(description="fidelity, and what becomes of the colours")
    timing: ChosenTiming = Field(description="timing of training steps, all in turns")
    figures: Figures = Field(description="what the figures show")

    @model_validator(mode="after")
    def _fits_together(self) -> "Experiment":
        for name, variant in self.variants.items():
            training = overlaid(self.training, variant.training)
            path = ("variants", name, "training") if variant.training else ("training",)
            check_reached("probe_steps", training.probe_steps, "steps", training.steps, *path)
            if training.validation and training.validation.every > training.steps:
                words = f"{training.validation.every} is more than the {training.steps} steps of the training"
                raise fault(words, *path, "validation", "every")
            network = overlaid(self.problem.network, variant.network)
            if network.channels % network.groups:
                words = f"{network.channels} channels cannot be cut into {network.groups} equal groups"
                raise fault(words, "variants", name, "network")
        dataset, steps = DATASETS[self.problem.dataset], self.problem.diffusion.steps
        if self.evaluation.judge_steps and dataset.channels != GREY:
            raise fault(f"{dataset.title} has no digits that a classifier could read", "evaluation", "judge_steps")
        for name, sampler in self.sampling.samplers.items():
            count = sampler.count or 1
            if count > steps or (sampler.timesteps == "uniform" and steps % count):
                fits = "is more than" if count > steps else "does not divide"
                words = f"{count} {fits} the {steps} steps of the diffusion"
                raise fault(words, "sampling", "samplers", name, "count")
        return self
