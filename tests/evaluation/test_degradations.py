"""Images that are made worse by known amounts."""

import numpy as np
import pytest

from kanpipe.evaluation.degradations import DEGRADATIONS, degraded

DRAW = np.random.default_rng(0)
IMAGES = (255 * DRAW.random((200, 12, 12))).astype(np.uint8)
LABELS = np.arange(200) % 10


@pytest.fixture(scope="module")
def found():
    return {(name, strength): images for name, strength, images in degraded(IMAGES, LABELS, seed=0)}


OF_THE_SET = ("repeated", "missing classes")  # each image is as it was


@pytest.mark.parametrize("name", [name for name in DEGRADATIONS if name not in OF_THE_SET])
def test_more_of_it_is_farther_from_the_image(found, name):
    differences = [np.abs(images.astype(int) - IMAGES).mean() for (own, _), images in found.items() if own == name]
    assert len(differences) == len(DEGRADATIONS[name][2])
    assert differences[0] > 0
    if name != "moved":  # noise moved by one pixel is as far as by four
        assert (np.diff(differences) > 0).all()


def test_classes_are_missing(found):
    assert [len(found["missing classes", strength]) for strength in (1, 8)] == [180, 40]


def test_all_binarised_are_of_two_values_as_near_as_can_be(found):
    images = found["binarised", 1]
    assert set(np.unique(images)) == {0, 255}
    assert (np.abs(images.astype(int) - IMAGES) < 128).all()


def test_repeated_images_are_as_many_of_fewer(found):
    sets = [found["repeated", strength] for strength in DEGRADATIONS["repeated"][2]]
    assert [len(images) for images in sets] == [200] * len(sets)
    assert [len(np.unique(images, axis=0)) for images in sets] == [20, 4, 2, 1]


def test_it_is_the_same_for_a_seed(found):
    for name, strength, images in degraded(IMAGES, LABELS, seed=0):
        np.testing.assert_array_equal(images, found[name, strength])
