"""The keys of the variational autoencoders in the configuration."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kanpipe.config.layers import OfAnyFamily, OfFamily
from kanpipe.config.models import (
    ChosenTiming,
    Count,
    Distinct,
    EpochTraining,
    Figures,
    Name,
    Plateau,
    Positive,
    Section,
    Seed,
    TrainedEntry,
    Variant,
    Width,
    fault,
)
from kanpipe.experiments.overlay import overlaid


class OwnTraining(Section):
    """What the training of a variant has for itself."""

    learning_rate: Positive | None = Field(None, description="of Adam at the start")


class Autoencoder(Variant, OfFamily):
    """An autoencoder."""

    hidden: list[Width] = Field(
        min_length=1,
        description="widths of the encoder's hidden layers, each at least 1; the decoder has them in reverse",
    )
    latent: Width = Field(description="number of latent variables, at least 1")
    first_layer: Literal["mlp"] | None = Field(
        None, description="another family for the first layer, which sees the pixels"
    )
    training: OwnTraining | None = Field(None, description="what differs from `training`")


class Problem(Section):
    """The images."""

    dataset: Literal["mnist", "fashion_mnist", "digits"] = Field(
        description="images of 28 x 28 pixels: mnist, fashion_mnist, or digits, which needs no download"
    )
    threshold: float = Field(ge=0, lt=1, description="pixels (0 to 1) above it become 1, others 0")


class Training(EpochTraining):
    """The training of every variant."""

    plateau: Plateau = Field(description="when the learning rate is lowered, by the mean loss of an epoch")


class Sampling(Section):
    """Samples from the prior and from posteriors."""

    images: int = Field(ge=2, description="images drawn from the prior by each seed, at least 2")
    seeds: Annotated[list[Seed], Distinct] = Field(min_length=1, description="sampling seeds, one set of images each")
    posteriors: Count = Field(description="test images from whose posteriors an image is drawn, the first ones")
    pictures: Count = Field(description="of these, images that are shown; at most `posteriors`")

    @model_validator(mode="after")
    def _shows_drawn(self) -> "Sampling":
        if self.pictures > self.posteriors:
            words = f"{self.pictures} are more than the {self.posteriors} posteriors that are drawn from"
            raise fault(words, "pictures")
        return self


class FeatureNetwork(Section):
    """A network in whose features images are compared."""

    forms: Annotated[list[Literal["grey", "binary"]], Distinct] = Field(
        min_length=1, description="forms of the images: grey, the decoder's means, or binary, cut at the threshold"
    )
    compile: bool = Field(description="whether torch.compile is used: worth it for thousands of images")
    only: dict[int, list[str]] | None = Field(
        None, description="layers that cost much, each with the variants whose samples are measured in it"
    )


class Inception(FeatureNetwork):
    """The Inception of FID."""

    layers: Annotated[list[Literal[64, 192, 768, 2048]], Distinct] = Field(
        min_length=1, description="features to compare, by their number"
    )


class EfficientNet(FeatureNetwork):
    """EfficientNet-Lite0."""

    layers: Annotated[list[Literal[1280]], Distinct] = Field(
        min_length=1, description="features to compare, by their number"
    )


class Extractors(Section):
    """Networks whose features are compared."""

    inception: Inception | None = Field(None, description="the Inception of FID")
    efficientnet_lite0: EfficientNet | None = Field(None, description="EfficientNet-Lite0")


class Evaluation(Section):
    """Fidelity, likelihood and latent space."""

    reference_images: int = Field(
        ge=4, description="training images, and test images, that samples are compared with; at least 4"
    )
    extractors: Extractors = Field(description="networks whose features are compared")
    importance_samples: Count = Field(description="draws per image for the bound on the likelihood")
    neighbours: Count = Field(description="neighbours that vote on the class of a latent mean")
    silhouette_points: int = Field(ge=20, description="latent means whose silhouette is taken, at least 20")
    tsne_points: int = Field(ge=50, description="latent means that are drawn, at least 50")
    tsne_variants: Annotated[list[str], Distinct] = Field(description="the variants whose latent means are drawn")
    judge_steps: Count = Field(description="training steps of the classifier that judges the samples")
    seed: Seed = Field(description="seed of all that is drawn to score")


class Trained(Section):
    """What the training of one variant depends on."""

    problem: Problem
    training: Training
    variant: OfAnyFamily[Autoencoder]

    @property
    def recipe(self) -> Training:
        """The settings of the variant's training."""
        return overlaid(self.training, self.variant.training)


class Experiment(TrainedEntry):
    """Variational autoencoders on binarised images."""

    variants: dict[Name, OfAnyFamily[Autoencoder]] = Field(min_length=1, description="the autoencoders to compare")
    problem: Problem = Field(description="the images")
    training: Training = Field(description="the training of every variant")
    sampling: Sampling = Field(description="samples from the prior and from posteriors")
    evaluation: Evaluation = Field(description="fidelity, likelihood and latent space")
    timing: ChosenTiming = Field(description="timing of training steps and of sampling, all in turns")
    figures: Figures = Field(description="what the figures show")

    @model_validator(mode="after")
    def _knows_drawn(self) -> "Experiment":
        for name in self.evaluation.tsne_variants:
            self._check_known(name, "evaluation", "tsne_variants")
        for extractor, options in self.evaluation.extractors:
            path = ("evaluation", "extractors", extractor, "only")
            for layer, names in ((options and options.only) or {}).items():
                if layer not in options.layers:
                    raise fault(f"{layer} is none of the layers that are measured", *path)
                for name in names:
                    self._check_known(name, *path, str(layer))
        return self
