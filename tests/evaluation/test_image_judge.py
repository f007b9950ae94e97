"""The judge of images: that it reads both forms, and what it says of images."""

import math

import numpy as np
import pytest
import torch

from kanpipe.data.digits import digits
from kanpipe.data.mnist import binarise
from kanpipe.data.prepared import Images
from kanpipe.evaluation import image_judge
from kanpipe.evaluation.image_judge import ImageJudge, accuracy, judge, train_judge
from kanpipe.machine import Machine

SMALL = {"steps": 200, "batch_size": 32, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def images():
    return Images(**digits())


@pytest.fixture(scope="module")
def trained(images):
    return train_judge(images, Machine.prepare("cpu", threads=1), **SMALL)


def binary(images):
    return 255 * binarise(images)


class Fixed(ImageJudge):
    """Says that an image is of the digits whose pixels, the first ten, are bright: logits 0 for black, 40 for white."""

    def forward(self, x):
        return 40 * x[:, :10], x[:, 10:13]


def marked(*rows):
    """Images of which the first pixels are given, 0 to 255."""
    pixels = np.zeros((len(rows), 784), np.uint8)
    for image, row in zip(pixels, rows, strict=True):
        image[: len(row)] = row
    return pixels


def test_both_forms_of_unseen_digits_are_read(trained, images):
    for form in (images.test_images, binary(images.test_images)):
        # 93 % with these few steps, chance is 10 %; other hands wrote the test images
        assert accuracy(trained, form, images.test_labels) > 85


def test_clear_digits_are_judged_surer_than_mixtures_and_as_even_as_they_are(trained, images):
    real = judge(trained, images.test_images)
    averages = images.test_images.reshape(-1, 4, 28, 28).mean(axis=1).astype(np.uint8)  # of four digits each
    blurred = judge(trained, averages)
    assert real.confidence > blurred.confidence + 0.05 and real.entropy < blurred.entropy - 0.1
    one_digit = images.test_images[images.test_labels == 3]
    assert judge(trained, one_digit).class_entropy < 1 < real.class_entropy


def test_scores_are_their_definitions():
    said = judge(Fixed(), marked([255], [0, 255], [255], [0]))
    # of the last image all digits are as probable; exp(-40) is nothing beside the tolerance
    assert said.confidence == pytest.approx((1 + 1 + 1 + 0.1) / 4, rel=1e-12)
    assert said.entropy == pytest.approx(math.log(10) / 4, rel=1e-12)
    mean = np.array([2.1, 1.1, *[0.1] * 8]) / 4
    assert said.class_entropy == pytest.approx(-(mean * np.log(mean)).sum(), rel=1e-12)
    assert said.labels[:3].tolist() == [0, 1, 0]


def test_features_are_of_every_image_in_order():
    pixels = marked(*[[0] * 10 + [i % 256, i // 256, 51] for i in range(2500)])  # more than a chunk
    features = judge(Fixed(), pixels).features
    assert features.shape == (2500, 3) and features.dtype == np.float32
    assert np.rint(features[:, 0] * 255 + 256 * features[:, 1] * 255).tolist() == list(range(2500))
    assert np.unique(features[:, 2]).tolist() == [np.float32(0.2)]


def test_penultimate_features_are_what_the_last_layer_sees(trained, images):
    said = judge(trained, images.test_images)
    assert said.features.shape == (360, 64)
    logits = trained.head(torch.from_numpy(said.features)).detach()
    assert logits.argmax(dim=-1).tolist() == said.labels.tolist()
    assert (said.features.std(axis=0) > 0).all(), "a covariance of full diagonal"


def test_flat_images_are_judged_as_square_ones(trained, images):
    square, flat = (judge(trained, x) for x in (images.test_images, images.test_images.reshape(-1, 784)))
    np.testing.assert_array_equal(square.features, flat.features)


def test_weights_are_a_function_of_the_seed(images, machine):
    short = SMALL | {"steps": 3}
    torch.manual_seed(1)
    first = train_judge(images, machine, seed=0, **short).state_dict()
    torch.manual_seed(2)
    again, other = (train_judge(images, machine, seed=seed, **short).state_dict() for seed in (0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_batches_are_grey_or_binary_in_even_shares(images, machine, monkeypatch):
    seen = []

    def cross_entropy(logits, labels):
        return logits.sum()

    def forward(self, x):
        seen.append(bool(((x == 0) | (x == 1)).all()))
        return self.head(self.body(x)), None

    monkeypatch.setattr(image_judge.F, "cross_entropy", cross_entropy)
    monkeypatch.setattr(ImageJudge, "forward", forward)
    train_judge(images, machine, **SMALL | {"batch_size": 2})
    assert abs(sum(seen) - 100) < 5 * math.sqrt(200 / 4)  # binomial


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (np.zeros((2, 784)), TypeError, "takes images of uint8, 0 ... 255, not float64"),
        (np.zeros((2, 8, 8), np.uint8), ValueError, r"images of 28 x 28 pixels, not of shape \(8, 8\)"),
    ],
)
def test_images_of_another_kind_are_refused(images, error, words):
    with pytest.raises(error, match=words):
        judge(ImageJudge(), images)
