"""The Inception Score against its formula, its bounds, and torch-fidelity's own call."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch.utils.data import Subset
from torch_fidelity import calculate_metrics
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD

from kanpipe.evaluation.feature_extractors import Extractor
from kanpipe.evaluation.fidelity import statistics
from kanpipe.evaluation.inception_score import Logits, inception_score

EFFICIENTNET = Extractor("efficientnet_lite0", ("logits",))
CLASSES = 7


def by_the_formula(logits):
    """exp of the mean KL divergence of p(class | image) from p(class), in each of ten parts of the shuffled images."""
    shuffled = np.random.RandomState(2020).permutation(len(logits))
    bounds = [part * len(logits) // 10 for part in range(11)]
    scores = []
    for first, end in zip(bounds[:-1], bounds[1:], strict=True):
        p = softmax(logits[shuffled[first:end]].astype(float), axis=1)
        scores.append(np.exp((p * np.log(p / p.mean(axis=0))).sum(axis=1).mean()))
    return np.mean(scores), np.std(scores)


@pytest.mark.parametrize("n", [10, 57, 300])
def test_score_is_that_of_the_formula(draw, n):
    logits = 3 * torch.randn(n, CLASSES, generator=draw)
    found = inception_score(logits)
    assert found.n == n
    assert (found.mean, found.sd) == pytest.approx(by_the_formula(logits.numpy()), rel=1e-9, abs=1e-9)


def test_sure_of_every_class_is_as_many_as_there_are_classes_and_unsure_is_one():
    sure = 1000.0 * torch.eye(CLASSES).repeat(1000, 1)  # of 700 in a split, 100 a class but for the shuffle
    found = inception_score(sure)
    assert found.mean == pytest.approx(CLASSES, rel=0.01)
    assert found.mean < CLASSES and found.sd > 0
    unsure = inception_score(torch.ones(50, CLASSES))
    assert (unsure.mean, unsure.sd) == pytest.approx((1, 0), abs=1e-12)


def test_batches_count_as_one_set(draw):
    logits = torch.randn(64, CLASSES, generator=draw)
    gathered = Logits()
    for part in logits.split([1, 40, 23]):
        gathered.add(part)
    assert gathered.statistics() == inception_score(logits)


def test_too_few_images_are_refused(machine):
    sentence = "there are 9 images; an Inception Score over 10 splits needs at least 10"
    with pytest.raises(ValueError, match=sentence):
        inception_score(torch.zeros(9, CLASSES))
    with pytest.raises(ValueError, match=sentence):
        statistics(np.zeros((9, 8, 8, 3), np.uint8), EFFICIENTNET, machine)


def test_score_of_images_is_that_of_torch_fidelity(draw, machine):
    coloured = torch.randint(256, (23, 32, 32, 3), generator=draw, dtype=torch.uint8)
    coloured[::2] //= 4
    found = statistics(coloured.numpy(), EFFICIENTNET, machine)["logits"]
    expected = calculate_metrics(
        input1=Subset(coloured.permute(0, 3, 1, 2), range(23)),
        isc=True,
        feature_extractor="efficientnet-lite0",
        feature_layer_isc="logits",
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        batch_size=10,
        verbose=False,
    )
    # float32 logits differ by 1e-5 where batch normalisation is folded into convolutions
    assert found.mean == pytest.approx(expected[KEY_METRIC_ISC_MEAN], rel=1e-4)
    assert found.sd == pytest.approx(expected[KEY_METRIC_ISC_STD], rel=1e-3)
