"""The photographs that stand in for CIFAR-10 where there is no network."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_images
from torch import from_numpy
from torch.nn.functional import avg_pool2d

from kanpipe.data.photographs import photographs, shrunk
from kanpipe.data.prepare import prepare
from kanpipe.data.prepared import load


def test_they_have_the_form_of_cifar10():
    arrays = photographs()
    assert arrays["train_images"].shape == (2000, 32, 32, 3) and arrays["test_images"].shape == (0, 32, 32, 3)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}
    assert np.bincount(arrays["train_labels"]).tolist() == [1000, 1000] and arrays["test_labels"].shape == (0,)


def test_both_kinds_are_mixed_and_hardly_any_piece_comes_twice():
    arrays = photographs()
    assert 400 < arrays["train_labels"][:1000].sum() < 600
    pieces = arrays["train_images"].reshape(2000, -1)
    assert len(np.unique(pieces, axis=0)) > 1800  # 1,000 of 9,675 places a photograph: 95 % are expected to differ


@pytest.mark.parametrize("label", [0, 1])
def test_every_piece_is_in_the_photograph_of_its_label(label):
    small = shrunk(load_sample_images().images[label], 4)
    arrays = photographs()
    windows = np.lib.stride_tricks.sliding_window_view(small, (32, 32), axis=(0, 1))
    corners = {window.tobytes() for row in windows[:, :, :, ::31, ::31] for window in row}
    for piece in arrays["train_images"][arrays["train_labels"] == label][:50]:
        assert piece[::31, ::31].transpose(2, 0, 1).tobytes() in corners


def test_shrinking_is_the_mean_over_squares():
    image = load_sample_images().images[0]
    expected = avg_pool2d(from_numpy(image.astype(np.float64)).permute(2, 0, 1), 4).permute(1, 2, 0).numpy()
    found = shrunk(image, 4)
    assert found.shape == (106, 160, 3)
    assert np.abs(found - expected).max() <= 0.5  # rounding


def test_prepared_file_is_the_same_bytes_each_time(tmp_path):
    for name in ("first.npz", "second.npz"):
        prepare("photographs", tmp_path, tmp_path / name)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()
    np.testing.assert_array_equal(load(tmp_path / "first.npz").train_images, photographs()["train_images"])
