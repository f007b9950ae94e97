"""Classifiers of digits: a feature extractor, or none, and a head, each exchangeable on its own.

The two networks of a report on KANs (P. H. C. Long, July 2024) are the extractor `wide` with the head `linear`, and
`lean` with the head `fasterkan` and hidden widths 128, 64, 32, 16. `lean` is the extractor of
github.com/AthanasiosDelis/faster-kan.
"""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from kanpipe.layers.families import Family, family
from kanpipe.models.classifier_blocks import (
    DepthwiseSeparableConv,
    ProjectedBlock,
    SelfAttention,
    ShortcutBlock,
    SqueezeExcitation,
)
from kanpipe.models.fully_connected import FullyConnected

CLASSES = 10
FEATURES = 256
PIXELS = 28 * 28
LINEAR = "linear"  # the head that is one ordinary layer


class FeatureExtractor(nn.Module):
    """Grey images (n, 1, 28, 28) -> features (n, 256), the averages over what is left of height and width."""

    def __init__(self, *stages: nn.Module) -> None:
        super().__init__()
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.stages(x)).flatten(1)


class WideExtractor(FeatureExtractor):
    """3,270,273 parameters: residual blocks of five convolutions, and ordinary ones before both last stages."""

    def __init__(self, dropout: float = 0.25) -> None:
        super().__init__(
            *_first_stage(dropout),
            *_residual_stage(ProjectedBlock, 32, 64, dropout),
            nn.Conv2d(64, 128, 3, padding=1),
            DepthwiseSeparableConv(128, 128, padding=1),
            nn.ReLU(),
            *_residual_stage(ProjectedBlock, 128, 256, dropout),
            nn.Conv2d(256, FEATURES, 2),
            SelfAttention(FEATURES),
        )


class LeanExtractor(FeatureExtractor):
    """1,077,057 parameters: residual blocks of two convolutions and a shortcut."""

    def __init__(self, dropout: float = 0.25) -> None:
        super().__init__(
            *_first_stage(dropout),
            *_residual_stage(ShortcutBlock, 32, 64, dropout),
            DepthwiseSeparableConv(64, 128),
            nn.ReLU(),
            *_residual_stage(ShortcutBlock, 128, FEATURES, dropout),
            SelfAttention(FEATURES),
        )


class Pixels(nn.Flatten):
    """No extractor: grey images (n, 1, 28, 28) -> their pixels (n, 784), of which none is dropped."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()


EXTRACTORS: dict[str, Callable[..., nn.Module]] = {"wide": WideExtractor, "lean": LeanExtractor, "none": Pixels}


class DigitClassifier(nn.Module):
    """Grey images (n, 1, 28, 28) -> logits of the ten digits (n, 10).

    `extractor` is wide, lean or none. `head` is linear, which has no hidden layer, or a family of layers: mlp, kan,
    fastkan or fasterkan, made with `options`, or a family itself; it has the widths `hidden` between the 256 features,
    or the 784 pixels, and the logits. Raises ValueError for an unknown extractor or head, and for hidden widths of the
    head linear.
    """

    def __init__(
        self, extractor: str, head: str | Family, hidden: Sequence[int] = (), *, dropout: float = 0.25, **options: Any
    ) -> None:
        super().__init__()
        if extractor not in EXTRACTORS:
            raise ValueError(f"there is no extractor {extractor!r}; choose one of {', '.join(EXTRACTORS)}")
        if head == LINEAR and hidden:
            raise ValueError(f"the head linear has no hidden layer, so hidden {list(hidden)} needs the head mlp")
        layers = family("mlp" if head == LINEAR else head, **options) if isinstance(head, str) else head
        inputs = PIXELS if extractor == "none" else FEATURES
        self.extractor = EXTRACTORS[extractor](dropout)
        self.head = FullyConnected(layers, [inputs, *hidden, CLASSES])

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.extractor(x))


def _first_stage(dropout: float) -> list[nn.Module]:
    convolution = nn.Conv2d(1, 32, 3, padding=1)
    return [convolution, nn.ReLU(), nn.BatchNorm2d(32), nn.MaxPool2d(2), nn.Dropout(dropout)]


def _residual_stage(
    block: Callable[[int, int], nn.Module], in_channels: int, out_channels: int, dropout: float
) -> list[nn.Module]:
    """(n, in_channels, h, w) -> (n, out_channels, h // 2, w // 2)."""
    gate = SqueezeExcitation(out_channels)
    return [block(in_channels, out_channels), gate, nn.MaxPool2d(2), nn.Dropout(dropout)]
