"""The networks in whose features sets of images are compared: the same as their authors', only faster."""

import pickle
from pathlib import Path

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from sklearn.datasets import load_sample_image
from torch_fidelity.utils import create_feature_extractor
from torchvision.transforms.functional import center_crop, resize

from kanpipe.errors import UserError
from kanpipe.evaluation.efficientnet_lite import BUNDLED_WEIGHTS
from kanpipe.evaluation.feature_extractors import Extractor, network

CPU = torch.device("cpu")
# Float32 has a relative step of 1e-7; a hundred layers, added up in another order, are allowed a hundred such steps.
ROUNDING = 1e-5
PALACE, DAISY = 698, 985  # classes of ImageNet


def coloured(images):
    """The first images as the networks take them: (n, 3, h, w)."""
    return torch.from_numpy(images).unsqueeze(1).expand(-1, 3, -1, -1)


def assert_close(found, expected):
    """Within `ROUNDING` of the largest feature."""
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= ROUNDING * expected.abs().max()


@pytest.fixture(scope="module")
def efficientnet():
    """The network as its package has it."""
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    network.load_state_dict(torch.load(BUNDLED_WEIGHTS, weights_only=True))
    return network


def as_efficientnet_takes_them(images):
    """Pixels of -0.99 to 1: (n, 3, 224, 224)."""
    return (torch.nn.functional.interpolate(images.float(), size=(224, 224), mode="bilinear") - 127) / 128


def test_inception_gives_the_features_of_torch_fidelity(images, inception_file):
    layers = ("64", "192")
    original = create_feature_extractor(
        "inception-v3-compat", list(layers), cuda=False, verbose=False, feature_extractor_weights_path=inception_file
    )
    few = coloured(images[:3])
    found = network(Extractor("inception", layers, inception_file), CPU)(few)
    for feature, expected in zip(found, original(few), strict=True):
        assert_close(feature, expected)
        assert expected.std() > 0.01 * expected.abs().max(), "features that are all alike would agree by chance"


def test_layers_come_in_the_order_asked_for(images, inception_file):
    features = network(Extractor("inception", ["192", "64"], inception_file), CPU)(coloured(images[:1]))
    assert [feature.shape for feature in features] == [(1, 192), (1, 64)]


def test_efficientnet_gives_the_features_of_its_package(images, efficientnet):
    few = coloured(images[:3])
    with torch.no_grad():
        expected = efficientnet.extract_features(as_efficientnet_takes_them(few)).mean(dim=(2, 3))
    (found,) = network(Extractor("efficientnet_lite0", ("1280",)), CPU)(few)
    assert_close(found, expected)


def test_efficientnet_gives_the_logits_of_its_package(images, efficientnet):
    few = coloured(images[:3])
    with torch.no_grad():
        expected = efficientnet(as_efficientnet_takes_them(few))
    logits, features = network(Extractor("efficientnet_lite0", ("logits", "1280")), CPU)(few)
    assert_close(logits, expected)
    assert logits.shape == (3, 1000) and features.shape == (3, 1280)


def test_inception_gives_the_logits_of_torch_fidelity(images, inception_file, tmp_path):
    state = torch.load(inception_file, weights_only=True)
    torch.nn.init.normal_(state["Mixed_5b.branch1x1.conv.weight"], std=0.1)  # as far as the file reaches no further
    torch.save(state, tmp_path / "whole.pth")
    layers = ("logits_unbiased", "64")
    original = create_feature_extractor(
        "inception-v3-compat",
        list(layers),
        cuda=False,
        verbose=False,
        feature_extractor_weights_path=tmp_path / "whole.pth",
    )
    few = coloured(images[:2])
    logits, features = network(Extractor("inception", layers, tmp_path / "whole.pth"), CPU)(few)
    expected, early = original(few)
    assert_close(logits, expected)
    assert_close(features, early)
    assert logits.shape == (2, 1008) and logits.isfinite().all()


@pytest.mark.parametrize(("photograph", "label"), [("china.jpg", PALACE), ("flower.jpg", DAISY)])
def test_efficientnet_recognises_photographs(photograph, label):
    photo = torch.from_numpy(load_sample_image(photograph).copy()).permute(2, 0, 1).unsqueeze(0)
    square = resize(center_crop(photo, min(photo.shape[-2:])), [224, 224], antialias=True)
    (logits,) = network(Extractor("efficientnet_lite0", ("logits",)), CPU)(square)
    assert logits.argmax() == label


@pytest.mark.slow
def test_compiled_network_gives_the_same_features(images, inception_file):
    few = coloured(images[:3])
    torch.compiler.reset()
    compiled = network(Extractor("inception", ("64",), inception_file, compile=True), CPU)
    (expected,) = network(Extractor("inception", ("64",), inception_file), CPU)(few)
    (found,) = compiled(few)
    # The positions of the resized pixels are rounded once instead of twice, which the first layers show.
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("vgg", ("64",)), "extractor is 'vgg'; choose one of inception, efficientnet_lite0"),
        (("inception", ("64", "65"), Path("a")), "layers of inception are .*'65'.*; choose from .*'logits_unbiased'"),
        (("inception", ("64", "64"), Path("a")), "each once"),
        (("inception", (), Path("a")), "layers of inception are"),
        (("efficientnet_lite0", ("64",)), "choose from .'1280', 'logits'., each once"),
        (("inception", ("64",)), "inception needs the path of its weight file"),
    ],
)
def test_unknown_network_or_layer_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Extractor(*arguments)


def refusal(file):
    with pytest.raises(UserError) as refused:
        network(Extractor("inception", ("64",), file), CPU)
    return str(refused.value)


def test_weights_of_another_network_are_refused(tmp_path, inception_file):
    state = torch.load(inception_file, weights_only=True)
    bias = state.pop("fc.bias")
    torch.save(state, tmp_path / "fewer.pth")
    torch.save(state | {"fc.bias": bias[:1000]}, tmp_path / "smaller.pth")
    for file in (tmp_path / "fewer.pth", tmp_path / "smaller.pth", Path(BUNDLED_WEIGHTS)):
        assert refusal(file) == f"{file} holds the weights of another network than inception-v3-compat"


def test_file_of_something_else_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"a": 1}, tmp_path / "number.pth")
    for file in (tmp_path / "list.pth", tmp_path / "number.pth"):
        assert refusal(file) == f"{file} holds something else than the weights of a network"


def test_damaged_or_missing_file_is_refused(tmp_path, inception_file):
    (tmp_path / "text.pth").write_text("<html>not found</html>")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "cut.pth").write_bytes(inception_file.read_bytes()[:1_000_000])
    for name in ("text", "empty", "cut"):
        file = tmp_path / f"{name}.pth"
        assert refusal(file).startswith(f"{file} cannot be read as weights and nothing else (")
    assert refusal(tmp_path / "none.pth") == f"there is no weight file {tmp_path / 'none.pth'}"


class Intruder:
    """Unpickled, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_a_weight_file_is_not_run(tmp_path):
    trace, file = tmp_path / "trace", tmp_path / "code.pth"
    torch.save({"a": Intruder(trace)}, file)
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"a": Intruder(trace)}))
    for weights in (file, tmp_path / "plain.pth"):
        assert "cannot be read as weights and nothing else" in refusal(weights)
    assert not trace.exists()
    torch.load(file, weights_only=False)
    assert trace.exists(), "the file is harmless, so the test shows nothing"
