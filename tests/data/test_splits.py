"""Validation images: how many there are, of which labels, and that they are no images to train on."""

import numpy as np
import pytest

from kanpipe.data.digits import digits
from kanpipe.data.splits import stratified_split
from kanpipe.errors import UserError

MNIST_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]  # of the 60,000 training images


@pytest.fixture
def labels() -> np.ndarray:
    """60,000 labels as frequent as those of MNIST, in some order."""
    return np.random.default_rng(0).permutation(np.repeat(np.arange(10, dtype=np.uint8), MNIST_COUNTS))


def test_every_image_is_on_one_side_and_the_sizes_are_as_asked(labels):
    split = stratified_split(labels, 6_000, seed=0)
    assert (len(split.train), len(split.validation)) == (54_000, 6_000)
    np.testing.assert_array_equal(np.sort(np.concatenate([split.train, split.validation])), np.arange(60_000))
    assert (np.diff(split.train) > 0).all() and (np.diff(split.validation) > 0).all()


@pytest.mark.parametrize("validation", [6_000, 5_003])
def test_every_label_gives_its_share_up_to_one_image(labels, validation):
    held = np.bincount(labels[stratified_split(labels, validation, seed=3).validation])
    share = np.array(MNIST_COUNTS) * validation / 60_000
    assert np.abs(held - share).max() < 1 and held.sum() == validation


def test_the_rows_are_a_function_of_the_seed(labels):
    first, again, other = (stratified_split(labels, 6_000, seed).validation for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    shared = len(np.intersect1d(first, other))
    assert shared == pytest.approx(600, abs=100)  # a tenth by chance, whose standard deviation is 22


def test_the_global_generator_of_numpy_is_left_alone(labels):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    stratified_split(labels, 6_000, seed=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_the_stand_in_can_be_split():
    labels = digits()["train_labels"]
    split = stratified_split(labels, 144, seed=0)
    assert len(split.validation) == 144 and set(labels[split.validation]) == set(range(10))


@pytest.mark.parametrize("validation", [0, 9, 1_430, 1_437, 2_000])
def test_sizes_that_leave_a_label_out_are_refused(validation):
    with pytest.raises(UserError, match=f"{validation} validation images cannot be held out of 1437"):
        stratified_split(digits()["train_labels"], validation, seed=0)
