"""The networks in whose features sets of images are compared."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch_fidelity.utils import create_feature_extractor

from kanpipe.digests import sha256
from kanpipe.errors import UserError, first_line
from kanpipe.evaluation import efficientnet_lite

IN_TORCH_FIDELITY = {"inception": "inception-v3-compat", "efficientnet_lite0": efficientnet_lite.NAME}
LAYERS = {"inception": ("64", "192", "768", "2048", "logits_unbiased"), "efficientnet_lite0": ("1280", "logits")}
LOGITS = ("logits_unbiased", "logits")  # without the biases of the last layer, and with them
BUNDLED = {"efficientnet_lite0": Path(efficientnet_lite.BUNDLED_WEIGHTS)}

Network = Callable[[Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Extractor:
    """A network and those of its layers whose features are wanted, each called by its number of features.

    `inception` is the Inception of FID with torch-fidelity's weight file, layers 64, 192, 768, 2048 and
    logits_unbiased, from which the published Inception Scores are; `efficientnet_lite0` has its weights with it,
    layers 1280 and logits. `compile` is for sets of some thousand images: compiling takes half a minute. Raises
    ValueError for other names and layers, and where weights are missing.
    """

    name: str
    layers: tuple[str, ...]
    weights: Path | None = None
    compile: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        if self.name not in LAYERS:
            raise ValueError(f"extractor is {self.name!r}; choose one of {', '.join(LAYERS)}")
        if not self.layers or len(set(self.layers)) < len(self.layers) or set(self.layers) - set(LAYERS[self.name]):
            raise ValueError(f"layers of {self.name} are {self.layers}; choose from {LAYERS[self.name]}, each once")
        if self.weights is None and self.name not in BUNDLED:
            raise ValueError(f"{self.name} needs the path of its weight file")

    @property
    def file(self) -> Path:
        """The file of its weights."""
        return self.weights or BUNDLED[self.name]


def weight_digests(names: Iterable[str], inception: Path | None) -> dict[str, str]:
    """The SHA-256 of the weight file of each of these extractors; `inception` is that of the FID Inception."""
    files = {name: BUNDLED.get(name, inception) for name in names}
    return {name: sha256(file) for name, file in files.items() if file}


@cache
def network(extractor: Extractor, device: torch.device) -> Network:
    """The network, made fast: images uint8 (n, 3, h, w) -> features (n, d), one for each layer.

    Raises UserError, which names it, for a file that holds something else than this network's weights.
    """
    net = _load(extractor)
    fold_batch_norm(net)
    net = net.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch declares it for tensors alone
    return _compiled(net) if extractor.compile else torch.inference_mode()(net.forward)


def _load(extractor: Extractor) -> nn.Module:
    _check_weights(extractor.file)
    name, layers = IN_TORCH_FIDELITY[extractor.name], list(extractor.layers)
    options = {"feature_extractor_weights_path": str(extractor.file), "cuda": False, "verbose": False}
    try:
        return create_feature_extractor(name, layers, **options)
    except RuntimeError as error:
        raise UserError(f"{extractor.file} holds the weights of another network than {name}") from error


def _compiled(net: nn.Module) -> Network:
    from torch._inductor import config

    compiled = torch.compile(net, fullgraph=True, dynamic=False)

    @torch.inference_mode()
    def features(images: Tensor) -> tuple[Tensor, ...]:
        # Freezing makes the weights constants and lays them out as the convolutions want them. As an option of
        # torch.compile it does the first only.
        with config.patch(freezing=True):
            return compiled(images)

    return features


def fold_batch_norm(net: nn.Module) -> None:
    """Fold each batch normalisation into the convolution that stands right before it in the same module."""
    for module in list(net.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, nn.Identity())


def _check_weights(file: Path) -> None:
    """UserError unless the file is a dictionary of tensors and no more: torch-fidelity would run code that is in it.

    A name that ends as those of published weights do, with the start of a SHA-256, is held to it.
    """
    try:
        if (named := re.search(r"-([0-9a-f]{8,64})\.pth$", file.name)) and not sha256(file).startswith(named[1]):
            raise ValueError(f"its SHA-256 does not begin with {named[1]}")
        state = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"there is no weight file {file}") from error
    except Exception as error:  # bytes that are no weights can make an unpickler raise anything
        raise UserError(f"{file} cannot be read as weights and nothing else ({first_line(error)})") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{file} holds something else than the weights of a network")
