"""Frechet distances between samples and real images, over every pair of forms that is worth a look."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import torch

from kanpipe.data.mnist import binarise
from kanpipe.data.prepared import Images
from kanpipe.evaluation.feature_extractors import Extractor
from kanpipe.evaluation.feature_statistics import Moments, Statistics
from kanpipe.evaluation.fidelity import frechet_distance, statistics
from kanpipe.evaluation.image_judge import FEATURES, ImageJudge
from kanpipe.evaluation.image_judge import judge as judge_images
from kanpipe.experiments.kan_vae import problem
from kanpipe.experiments.kan_vae.config import EfficientNet, Extractors, Inception
from kanpipe.experiments.kan_vae.forms import FORMS, PAIRS
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine

JUDGE = "judge"
Found = dict[tuple[str, str], Statistics]  # by extractor and layer
# of images that are to be compared with samples of these forms: real ones, or those of a variant
Measure = Callable[[np.ndarray, set[str], str | None], Found]


def in_form(images: np.ndarray, form: str, threshold: float) -> np.ndarray:
    """Grey images (n, 784) or (n, 28, 28) as they are, or cut at the threshold into 0 and 255; uint8 (n, 28, 28)."""
    square = images.reshape(-1, problem.SIDE, problem.SIDE)
    return square if form == "grey" else binarise(square, threshold) * 255


def measure_with(extractors: Extractors, judge: ImageJudge, inputs: Inputs, machine: Machine) -> Measure:
    """Statistics by the judge, and by those extractors that are configured for samples of one of the forms.

    What the extractors find is kept in `inputs.features`.
    """

    def measure(images: np.ndarray, forms: set[str], variant: str | None) -> Found:
        moments = Moments()
        moments.add(torch.from_numpy(judge_images(judge, images).features))
        found = {(JUDGE, str(FEATURES)): moments.statistics()}
        for name, options in extractors:
            if options and forms & set(options.forms) and (wanted := _layers(options, variant)):
                weights = inputs.inception_weights if name == "inception" else None
                extractor = Extractor(name, wanted, weights, options.compile)
                layers = statistics(images, extractor, machine, inputs.features, f"features of {name}")
                found |= {(name, layer): m for layer, m in layers.items() if isinstance(m, Statistics)}
        return found

    return measure


def _layers(options: Inception | EfficientNet, variant: str | None) -> tuple[str, ...]:
    """The layers in which samples of the variant are measured; all of them, for real images."""
    only = options.only or {}
    return tuple(str(n) for n in options.layers if variant is None or variant in only.get(n, [variant]))


class FormDistances:
    """Real images of a dataset, measured once, and the distances of other images from them."""

    def __init__(self, data: Images, count: int, threshold: float, measure: Measure) -> None:
        """`count` images of either split are measured; `threshold` is where binary images are cut."""
        self.threshold, self.measure = threshold, measure
        real = {"train": data.train_images[:count], "test": data.test_images[:count]}
        meeting = {form: {sample for real_form, sample in PAIRS.values() if real_form == form} for form in FORMS}
        self.real = {
            (split, form): self._measured(images, form, meeting[form], None)
            for split, images in real.items()
            for form in FORMS
        }

    def rows(self, samples: np.ndarray, head: dict[str, Any]) -> list[dict[str, Any]]:
        """A row for every form of the samples (n, 784), split, extractor and layer; each begins with `head`."""
        rows = []
        for form in FORMS:
            found = self._measured(samples, form, {form}, head["variant"])
            rows += [head | row for split in ("train", "test") for row in self._against(split, form, found)]
        return rows

    def floors(self, head: dict[str, Any]) -> list[dict[str, Any]]:
        """The distances of the test images from the training images."""
        return [head | row for form in FORMS for row in self._against("train", form, self.real["test", form])]

    def judged(self, images: np.ndarray) -> dict[str, Any]:
        """The distance of grey images from the training images in the judge's features, with `n`, their number."""
        judged = JUDGE, str(FEATURES)
        found = self.measure(images, set(), None)[judged]
        return {"n": found.n, "judge_fid": frechet_distance(self.real["train", "grey"][judged], found)}

    def _measured(self, images: np.ndarray, form: str, forms: set[str], variant: str | None) -> Found:
        return self.measure(in_form(images, form, self.threshold), forms, variant)

    def _against(self, split: str, form: str, found: Found) -> Iterable[dict[str, Any]]:
        for real_form in [real for real, other in PAIRS.values() if other == form]:
            real_images = self.real[split, real_form]
            for extractor, layer in [key for key in found if key in real_images]:
                measured, real = found[extractor, layer], real_images[extractor, layer]
                yield {
                    "feature": feature_name(extractor, layer),
                    "extractor": extractor,
                    "layer": layer,
                    "reference": split,
                    "reference_form": real_form,
                    "sample_form": form,
                    "n": measured.n,
                    "n_reference": real.n,
                    "fid": frechet_distance(real, measured),
                }


def feature_name(extractor: str, layer: str) -> str:
    """What a distance in these features is called: `fid_192` in the FID Inception's, `judge_fid` in the judge's."""
    return f"fid_{layer}" if extractor == "inception" else f"{extractor}_fid"


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The distances of one run from the training images by name and pair of forms, means over its sampling seeds."""
    pair_of = {forms: pair for pair, forms in PAIRS.items()}
    near = pd.DataFrame(rows).query("reference == 'train'")
    groups = near.groupby(["feature", "reference_form", "sample_form"])["fid"]
    return {f"{feature}_{pair_of[real, sample]}": fid for (feature, real, sample), fid in groups.mean().items()}
