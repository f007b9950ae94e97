"""Prepared datasets, and the stand-in that needs no network."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from kanpipe.data.digits import TEST_IMAGES, digits
from kanpipe.data.prepare import prepare
from kanpipe.data.prepared import load
from kanpipe.errors import UserError
from kanpipe.files import write_arrays


def test_digits_have_the_form_of_mnist():
    arrays = digits()
    assert arrays["train_images"].shape == (1437, 28, 28) and arrays["test_images"].shape == (360, 28, 28)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}
    labels = np.concatenate([arrays["train_labels"], arrays["test_labels"]])
    np.testing.assert_array_equal(labels, load_digits().target)
    assert len(arrays["test_labels"]) == TEST_IMAGES


def test_digits_are_resampled_as_another_library_does_it():
    images = np.concatenate([digits()["train_images"], digits()["test_images"]])
    small = torch.from_numpy(load_digits().images * (255 / 16)).unsqueeze(1)
    expected = torch.nn.functional.interpolate(small, (28, 28), mode="bilinear").squeeze(1).round().numpy()
    assert np.abs(images - expected).max() <= 1  # halves may be rounded either way
    assert (images == expected).mean() > 0.99
    assert images.max() == 255 and images.min() == 0


def test_prepared_dataset_comes_back_the_same_bytes_each_time(tmp_path):
    for name in ("first.npz", "second.npz"):
        prepare("digits", tmp_path, tmp_path / name)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    loaded = load(tmp_path / "first.npz")
    np.testing.assert_array_equal(loaded.test_images, digits()["test_images"])
    np.testing.assert_array_equal(loaded.train_labels, digits()["train_labels"])


def test_other_arrays_are_refused(tmp_path):
    write_arrays(tmp_path / "a.npz", {"x": np.zeros(3)})
    with pytest.raises(UserError, match="a.npz is not a prepared dataset; delete it and run again"):
        load(tmp_path / "a.npz")
