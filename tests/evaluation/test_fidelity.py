"""Fréchet distances against closed forms and torch-fidelity's own, and the statistics that are kept on disk."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group
from torch.utils.data import Dataset
from torch_fidelity import calculate_metrics
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

from kanpipe.data.mnist import FILES, binarise, read_idx
from kanpipe.errors import UserError
from kanpipe.evaluation import feature_statistics, fidelity
from kanpipe.evaluation.feature_statistics import Moments, Statistics
from kanpipe.evaluation.fidelity import Extractor, frechet_distance, statistics
from kanpipe.provenance import imported_modules

EFFICIENTNET = Extractor("efficientnet_lite0", ("1280",))
NO_ROWS = np.zeros((0, 0))


def gaussian(mu, sigma):
    return Statistics(1000, np.asarray(mu, float), np.asarray(sigma, float), NO_ROWS)


def rotated(variances, seed):
    """A covariance of these variances along random axes."""
    axes = ortho_group.rvs(len(variances), random_state=seed)
    return axes @ np.diag(variances) @ axes.T


def test_distance_of_gaussians_with_the_same_axes_is_known():
    # (sigma_a sigma_b)^(1/2) has the eigenvalues sqrt(v w): 3^2 + 4^2 + sum of (sqrt v - sqrt w)^2
    a, b = gaussian([0, 0, 1], rotated([1, 4, 9], 0)), gaussian([3, 4, 1], rotated([4, 4, 25], 0))
    assert frechet_distance(a, b) == pytest.approx(25 + 1 + 0 + 4, rel=1e-12)


def test_distance_of_gaussians_with_other_axes_is_known_in_the_plane():
    # For 2 x 2 matrices tr (M^(1/2)) = sqrt(tr M + 2 sqrt(det M)).
    sigma_a, sigma_b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[5.0, -1.0], [-1.0, 1.0]])
    product = sigma_a @ sigma_b
    root = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    expected = np.trace(sigma_a + sigma_b) - 2 * root
    assert frechet_distance(gaussian([7, 7], sigma_a), gaussian([7, 7], sigma_b)) == pytest.approx(expected, rel=1e-12)


def test_distance_is_symmetric_and_vanishes_for_the_same():
    a, b = gaussian([0, 1, 2], rotated([1, 2, 3], 0)), gaussian([1, 1, 1], rotated([2, 0.5, 7], 1))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-12)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-12 * np.trace(a.sigma))


@pytest.mark.parametrize("n", [200, 30])  # with 30 images of 64 features the covariances are singular
def test_distance_is_that_of_torch_fidelity(n):
    draw = np.random.default_rng(0)
    rows = [draw.normal(size=(n, 64)) @ draw.normal(size=(64, 64)) + shift for shift in (0, 0.3)]
    a, b = (Statistics(n, each.mean(axis=0), np.cov(each, rowvar=False), NO_ROWS) for each in rows)
    theirs = fid_statistics_to_metric({"mu": a.mu, "sigma": a.sigma}, {"mu": b.mu, "sigma": b.sigma}, verbose=False)
    assert frechet_distance(a, b) == pytest.approx(theirs[KEY_METRIC_FID], rel=1e-6)


def test_distance_between_layers_is_refused():
    with pytest.raises(ValueError, match="statistics have 1 and 2 features; they must be of the same layer"):
        frechet_distance(gaussian([0], [[1]]), gaussian([0, 0], np.eye(2)))


@pytest.mark.parametrize("mean", [0.0, 1e6])
def test_moments_are_those_of_all_rows_however_they_come_in(draw, mean):
    rows = mean + torch.randn(100, 7, generator=draw, dtype=torch.float64) @ torch.randn(7, 7, generator=draw).double()
    moments = Moments()
    for part in rows.split([1, 30, 2, 67]):
        moments.add(part)
    found = moments.statistics()
    assert found.n == 100
    np.testing.assert_allclose(found.mu, rows.numpy().mean(axis=0), rtol=1e-13, atol=1e-13)
    # sums of squares that are not shifted would lose 12 of the 16 digits at a mean of 1e6
    np.testing.assert_allclose(found.sigma, np.cov(rows.numpy(), rowvar=False), rtol=0, atol=1e-9)


class Listed(Dataset):
    """Images as torch-fidelity takes them: (3, h, w) each."""

    def __init__(self, images):
        self.images = torch.from_numpy(images)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = self.images[i]
        return image.expand(3, -1, -1) if image.dim() == 2 else image.permute(2, 0, 1)


def of_torch_fidelity(a, b, extractor, layer, weights=None):
    metrics = calculate_metrics(
        input1=Listed(a),
        input2=Listed(b),
        fid=True,
        feature_extractor=extractor,
        feature_layer_fid=layer,
        feature_extractor_weights_path=weights,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        batch_size=10,
        verbose=False,
    )
    return metrics["frechet_inception_distance"]


def test_inception_distance_is_that_of_torch_fidelity(images, inception_file, machine):
    sets = images[:17], binarise(images[17:30]) * 255  # more and less than a batch
    a, b = (statistics(each, Extractor("inception", ("192",), inception_file), machine)["192"] for each in sets)
    assert (a.n, b.n) == (17, 13)
    expected = of_torch_fidelity(*sets, "inception-v3-compat", "192", str(inception_file))
    # float32 features differ by 1e-6, and the distance is a difference of traces
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-3)


def test_efficientnet_distance_is_that_of_torch_fidelity(draw, machine):
    coloured = torch.randint(256, (30, 32, 32, 3), generator=draw, dtype=torch.uint8).numpy()
    sets = coloured[:17], coloured[17:] // 2
    a, b = (statistics(each, EFFICIENTNET, machine)["1280"] for each in sets)
    expected = of_torch_fidelity(*sets, "efficientnet-lite0", "1280")
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-3)


def test_grey_image_counts_as_three_equal_channels(images, machine):
    few = images[:3]
    grey, coloured = (statistics(each, EFFICIENTNET, machine)["1280"] for each in (few, np.stack([few] * 3, axis=-1)))
    np.testing.assert_array_equal(grey.mu, coloured.mu)
    np.testing.assert_array_equal(grey.sigma, coloured.sigma)


def test_compiled_network_sees_batches_of_one_size_and_no_image_counts_twice(images, machine, monkeypatch):
    sizes = []

    def middle_row(batch):
        sizes.append(len(batch))
        return (batch[:, 0, 14].float(),)

    monkeypatch.setattr(feature_statistics, "network", lambda *_: middle_row)
    found = statistics(images[:21], replace(EFFICIENTNET, compile=True), machine)["1280"]
    rows = images[:21, 14].astype(float)
    assert (sizes, found.n) == ([16, 16], 21)
    np.testing.assert_allclose(found.mu, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.sigma, np.cov(rows, rowvar=False), rtol=0, atol=1e-9)  # of pixels, up to 255


@pytest.fixture
def extractions(monkeypatch):
    """The layers of each pass over images that is made."""
    passes = []

    def counted(images, extractor, *rest, original=feature_statistics.of_images):
        passes.append(extractor.layers)
        return original(images, extractor, *rest)

    monkeypatch.setattr(fidelity, "of_images", counted)
    return passes


def test_features_and_logits_come_from_one_pass_and_are_both_kept(images, machine, tmp_path, extractions):
    both = replace(EFFICIENTNET, layers=("logits", "1280"))
    first = statistics(images[:12], both, machine, tmp_path)
    again = statistics(images[:12], both, machine, tmp_path)
    assert extractions == [("logits", "1280")]
    assert list(first) == list(again) == ["logits", "1280"]
    assert first["logits"] == again["logits"] == statistics(images[:12], both, machine)["logits"]
    assert_equal({"1280": again["1280"]}, {"1280": first["1280"]})
    assert sum(file.stat().st_size for file in tmp_path.glob("*logits*")) < 2000, "a score is three numbers"


def test_code_that_decides_what_is_found_makes_it_another(images, machine, tmp_path, extractions, monkeypatch):
    for version in ("old", "new"):
        monkeypatch.setattr(fidelity, "code_hash", lambda name, v=version: v if name == fidelity.DECIDING else "")
        statistics(images[:2], EFFICIENTNET, machine, tmp_path)
    assert len(extractions) == 2


@pytest.mark.parametrize("module", ["feature_statistics", "feature_extractors", "inception_score"])
def test_what_is_found_depends_on_the_code_of_the_network_the_sums_and_the_scores(module):
    assert f"kanpipe.evaluation.{module}" in imported_modules(fidelity.DECIDING)


def assert_equal(found, expected):
    assert list(found) == list(expected)
    for layer, each in expected.items():
        assert found[layer].n == each.n
        np.testing.assert_array_equal(found[layer].mu, each.mu)
        np.testing.assert_array_equal(found[layer].sigma, each.sigma)


def test_set_of_images_is_passed_over_once(images, machine, tmp_path, extractions):
    few = images[:3]
    first = statistics(few, EFFICIENTNET, machine, tmp_path / "cache")
    again = statistics(np.asfortranarray(few), EFFICIENTNET, machine, tmp_path / "cache")
    assert extractions == [("1280",)]
    assert_equal(again, first)
    assert_equal(first, statistics(few, EFFICIENTNET, machine))
    assert {each.mu.dtype for each in again.values()} == {np.dtype(np.float64)}


def test_another_pixel_or_shape_or_network_is_another_set(images, machine, tmp_path, extractions, inception_file):
    few = images[:3]
    pixel = few.copy()
    pixel[2, 27, 27] ^= 1
    sets = [few, pixel, few.reshape(3, 14, 56), few[:2]]
    for each in sets:
        statistics(each, EFFICIENTNET, machine, tmp_path)
    weights = tmp_path / "other.pth"
    state = torch.load(inception_file, weights_only=True)
    state["Conv2d_1a_3x3.conv.weight"] *= 1.01
    torch.save(state, weights)
    for file in (inception_file, weights):
        statistics(few, Extractor("inception", ("64",), file), machine, tmp_path)
    assert len(extractions) == len(list(tmp_path.glob("*.npz"))) == len(sets) + 2


def test_only_layers_that_are_missing_are_computed(images, machine, tmp_path, extractions, inception_file):
    few = images[:2]
    one, both = (Extractor("inception", layers, inception_file) for layers in (("192",), ("64", "192")))
    statistics(few, one, machine, tmp_path)
    found = statistics(few, both, machine, tmp_path)
    assert extractions == [("192",), ("64",)]
    assert_equal(found, statistics(few, both, machine))


@pytest.mark.parametrize("damage", ["empty", "cut", "other arrays", "one array"])
def test_damaged_file_is_computed_anew(images, machine, tmp_path, extractions, damage):
    few = images[:2]
    first = statistics(few, EFFICIENTNET, machine, tmp_path)
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    with open(kept, "wb") as file:
        if damage in ("empty", "cut"):
            file.write(whole[: 0 if damage == "empty" else -1000])
        elif damage == "other arrays":
            np.savez(file, x=np.zeros(3))
        else:
            np.save(file, np.zeros(3))
    assert_equal(statistics(few, EFFICIENTNET, machine, tmp_path), first)
    assert len(extractions) == 2
    assert_equal(statistics(few, EFFICIENTNET, machine, tmp_path), first)
    assert len(extractions) == 2


def test_layer_that_the_weights_do_not_reach_is_refused_by_name(images, machine, tmp_path, inception_file):
    extractor = Extractor("inception", ("64", "768"), inception_file)
    with pytest.raises(UserError) as refused:
        statistics(images[:2], extractor, machine, tmp_path)
    assert f"layer 768 of inception gives values that are not numbers with the weights in {inception_file}; leave" in (
        str(refused.value)
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cached", [False, True])
def test_missing_weights_are_named(images, machine, tmp_path, cached):
    extractor = Extractor("inception", ("64",), tmp_path / "none.pth")
    with pytest.raises(UserError, match="there is no weight file .*none.pth"):
        statistics(images[:2], extractor, machine, tmp_path if cached else None)


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (np.zeros((2, 28, 28)), TypeError, "images are of float64; they must be of uint8, 0 ... 255"),
        (np.zeros((2, 784), np.uint8), ValueError, r"images have the shape \(2, 784\)"),
        (np.zeros((2, 3, 28, 28), np.uint8), ValueError, r"it must be \(n, h, w\) or \(n, h, w, 3\)"),
        (np.zeros((1, 28, 28), np.uint8), ValueError, "there are 1 images; a covariance needs at least 2"),
    ],
)
def test_other_images_are_refused(machine, images, error, words):
    with pytest.raises(error, match=words):
        statistics(images, EFFICIENTNET, machine)


INCEPTION, MIRROR = os.environ.get("KANPIPE_INCEPTION", ""), os.environ.get("KANPIPE_MIRROR", "")
TEST_IMAGES = Path(MIRROR, "mnist", FILES["test_images"])
needs_inception = pytest.mark.skipif(
    not (INCEPTION and TEST_IMAGES.is_file()), reason="needs KANPIPE_INCEPTION and a folder KANPIPE_MIRROR with MNIST"
)


@needs_inception
def test_real_digits_in_grey_and_binary_are_as_far_apart_as_measured_independently(machine):
    digits = read_idx(TEST_IMAGES)[:100]
    grey, binary = (
        statistics(images, Extractor("inception", ("64", "192"), Path(INCEPTION)), machine)
        for images in (digits, binarise(digits) * 255)
    )
    # torch-fidelity found 0.028 and 0.349 for 2,000 of them; hundreds of images scatter about these by 3 %
    assert frechet_distance(grey["64"], binary["64"]) == pytest.approx(0.028, rel=0.12)
    assert frechet_distance(grey["192"], binary["192"]) == pytest.approx(0.349, rel=0.12)


@needs_inception
def test_real_weights_reach_the_last_layer_or_say_that_they_do_not(machine):
    extractor = Extractor("inception", ("768", "2048"), Path(INCEPTION))
    whole = torch.load(INCEPTION, weights_only=True)["Mixed_7c.branch1x1.conv.weight"].isfinite().all()
    if whole:
        assert statistics(read_idx(TEST_IMAGES)[:2], extractor, machine)["2048"].mu.shape == (2048,)
    else:
        with pytest.raises(UserError, match="layer 2048 of inception gives values that are not numbers"):
            statistics(read_idx(TEST_IMAGES)[:2], extractor, machine)


def test_rows_are_kept_one_by_one_up_to_a_limit(images, machine, monkeypatch):
    monkeypatch.setattr(feature_statistics, "FIRST", 2)
    assert len(statistics(images[:3], EFFICIENTNET, machine)["1280"].rows) == 2
