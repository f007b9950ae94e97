"""What networks that know images say of samples, and of other real images, against real ones."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from kanpipe.data.prepared import load
from kanpipe.digests import of_tensors
from kanpipe.evaluation.feature_extractors import Extractor, weight_digests
from kanpipe.evaluation.feature_statistics import Found, Statistics
from kanpipe.evaluation.few_samples import Score, few_sample_scores
from kanpipe.evaluation.fidelity import frechet_distance, statistics
from kanpipe.evaluation.image_judge import SIDE as JUDGED
from kanpipe.evaluation.inception_score import SPLITS, InceptionScore
from kanpipe.experiments.cifar10_ddim.config import EfficientNet, Evaluation, Inception
from kanpipe.experiments.cifar10_ddim.datasets import SIDE, Dataset
from kanpipe.experiments.cifar10_ddim.digit_scores import NAME as JUDGE
from kanpipe.experiments.cifar10_ddim.digit_scores import DigitScores
from kanpipe.experiments.cifar10_ddim.scores import SCORES, score_name
from kanpipe.experiments.protocol import FLOOR, Inputs
from kanpipe.machine import Machine

Row = dict[str, Any]
Measured = dict[tuple[str, str], Found]  # what is found of a set of images, by extractor and layer


class ImageScores:
    """Reference images, measured once, and what other images have of each configured network and layer.

    Images are uint8 (n, 32, 32, channels). Digits are read by a classifier too. What the other networks find is kept in
    the folder `inputs.features`.
    """

    def __init__(
        self, reference: np.ndarray, scoring: Evaluation, kind: Dataset, inputs: Inputs, machine: Machine
    ) -> None:
        self.machine, self.cache, self.frame, self.seed = machine, inputs.features, kind.frame, scoring.seed
        self.inception = inputs.inception_weights
        self.extractors = [_extractor(name, options, inputs) for name, options in scoring.extractors if options]
        self.images, self.reference = reference, self._measured(reference)
        self.digits = None
        if scoring.judge_steps:
            data = load(inputs.data, (JUDGED, JUDGED))
            self.digits = DigitScores(data, len(reference), scoring.judge_steps, scoring.seed, machine)

    def rows(self, images: np.ndarray, head: Row) -> list[Row]:
        """A row for every layer and score, each begun with `head`."""
        rows = [head | row for row in self._rows(self._measured(images), self.reference)]
        return rows + (self.digits.rows(self._unframed(images), head) if self.digits else [])

    def weights(self) -> dict[str, str]:
        """The SHA-256 of the weights of each extractor, and of the classifier."""
        own = {JUDGE: of_tensors(self.digits.judge.state_dict())} if self.digits else {}
        return own | weight_digests((extractor.name for extractor in self.extractors), self.inception)

    def _unframed(self, images: np.ndarray) -> np.ndarray:
        inner = slice(self.frame, SIDE - self.frame)
        return np.ascontiguousarray(images[:, inner, inner, 0])

    def floor(self, others: np.ndarray) -> list[Row]:
        """The rows of other real images; where there are too few, of one half of the reference against the other.

        Of digits it is the test images that are read: the nearest training image of a training image is itself.
        """
        head, half = {"variant": FLOOR}, len(self.images) // 2
        if len(others) >= SPLITS:
            rows = self._rows(self._measured(others), self.reference)
        else:
            first, second = (self._measured(part) for part in (self.images[:half], self.images[half:]))
            rows = self._rows(second, first)
        read = self.digits.rows(self.digits.test[: len(others) or half], head) if self.digits else []
        return [head | row for row in rows] + read

    def _measured(self, images: np.ndarray) -> Measured:
        seen = images[..., 0] if images.shape[-1] == 1 else images  # the networks repeat grey images in three channels
        return {
            (extractor.name, layer): found
            for extractor in self.extractors
            for layer, found in statistics(
                seen, extractor, self.machine, self.cache, f"features of {extractor.name}"
            ).items()
        }

    def _rows(self, measured: Measured, reference: Measured) -> Iterator[Row]:
        for (extractor, layer), found in measured.items():
            head = {"extractor": extractor, "layer": layer}
            if isinstance(found, InceptionScore):
                yield head | {
                    "metric": "isc",
                    "value": found.mean,
                    "sd": found.sd,
                    "n": found.n,
                    "n_reference": math.nan,
                }
            else:
                real = reference[extractor, layer]
                assert isinstance(real, Statistics)
                scores = {"fid": Score(frechet_distance(real, found), math.nan, found.n, real.n)}
                scores |= few_sample_scores(found.rows, real.rows, self.seed)
                for metric, score in scores.items():
                    yield head | {"metric": metric} | asdict(score)


def summary(rows: list[Row]) -> dict[str, float]:
    """SCORES of one set of images by name, from its rows; NaN where nothing was measured."""
    found = {score_name(row): row["value"] for row in rows}
    spread = {f"{score_name(row)}_sd": row["sd"] for row in rows if row["metric"] == "isc"}
    return dict.fromkeys(SCORES, math.nan) | found | spread


def _extractor(name: str, options: Inception | EfficientNet, inputs: Inputs) -> Extractor:
    weights = inputs.inception_weights if name == "inception" else None
    return Extractor(name, tuple(map(str, options.layers)), weights, options.compile)
