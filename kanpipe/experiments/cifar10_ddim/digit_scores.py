"""Scores of generated digits by a classifier of them, and in its features.

No features of photographs are needed: the classifier is trained on the real digits, in seconds.
"""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kanpipe.data.prepared import Images
from kanpipe.evaluation.feature_statistics import Moments, Statistics
from kanpipe.evaluation.few_samples import Score, few_sample_scores
from kanpipe.evaluation.fidelity import frechet_distance
from kanpipe.evaluation.image_judge import FEATURES, Judgement, judge, train_judge
from kanpipe.machine import Machine

NAME = "judge"
RECOGNISED = 0.95  # the probability of its class from which an image counts as recognised
CHUNK = 500  # images whose distances from all training images are held at once

Row = dict[str, Any]


class DigitScores:
    """Real digits, judged once, and what other images are against them.

    Images are uint8 (n, 28, 28). The first `count` training images are what distances are measured from, all of them
    the neighbours that a sample may be a copy of. Raises ValueError for images that are not of 28 x 28 pixels.
    """

    def __init__(self, data: Images, count: int, steps: int, seed: int, machine: Machine) -> None:
        self.judge = train_judge(data, machine, seed, steps=steps)
        self.features = judge(self.judge, data.train_images[:count]).features
        self.statistics, self.seed, self.device = _statistics(self.features), seed, machine.device
        self.train, self.test = _flat(data.train_images).to(self.device), data.test_images

    def rows(self, images: np.ndarray, head: Row) -> list[Row]:
        """A row for every score, each begun with `head`."""
        found = judge(self.judge, images)
        of_all = {
            "fid": frechet_distance(self.statistics, _statistics(found.features)),
            **self._read(found),
            "nearest": self.nearest(images),
        }
        scores = {name: Score(value, math.nan, len(images), len(self.features)) for name, value in of_all.items()}
        scores |= few_sample_scores(found.features, self.features, self.seed)
        own = {"extractor": NAME, "layer": str(FEATURES)}
        return [head | own | {"metric": name} | asdict(score) for name, score in scores.items()]

    def _read(self, found: Judgement) -> dict[str, float]:
        """The share of images of whose class the judge is sure, and how evenly the classes are drawn: 1 for evenly."""
        shares = np.bincount(found.labels, minlength=10) / len(found.labels)
        evenness = -np.sum(shares * np.log(shares, where=shares > 0, out=np.zeros(10))) / math.log(10)
        return {
            "recognised": float((found.confidences >= RECOGNISED).mean()),
            "evenness": abs(float(evenness)),  # of one class alone it would be -0
        }

    def nearest(self, images: np.ndarray) -> float:
        """The mean distance of images from their nearest training image, pixels from 0 to 1: next to 0 for copies."""
        parts = _flat(images).to(self.device).split(CHUNK)
        return float(torch.cat([torch.cdist(part, self.train).amin(dim=1) for part in parts]).mean())


def _flat(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).flatten(1) / 255


def _statistics(features: np.ndarray) -> Statistics:
    moments = Moments()
    moments.add(torch.from_numpy(features))
    return moments.statistics()
