"""EfficientNet-Lite0 with the logits of its 1,000 classes of ImageNet beside its features."""

from torch import Tensor
from torch_fidelity import register_feature_extractor

from kanpipe.evaluation.efficientnet_lite import EfficientNetLite0

NAME = "efficientnet-lite0-logits"


class EfficientNetLite0Logits(EfficientNetLite0):
    """`1280`, the features, and `logits`, what the last layer makes of them: uint8 (n, 3, h, w) -> (n, 1000).

    A module of its own, so that features that are kept on disk stay those of `EfficientNetLite0`.
    """

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("1280", "logits")

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        (features,) = super().forward(images)
        found = {"1280": features, "logits": self.network._fc(features)}
        return tuple(found[name] for name in self.features_list)


register_feature_extractor(NAME, EfficientNetLite0Logits)
