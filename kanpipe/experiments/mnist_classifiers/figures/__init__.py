"""The figures of the classifiers of digits."""

from pathlib import Path

import pandas as pd

from kanpipe.experiments.mnist_classifiers.config import Experiment
from kanpipe.experiments.mnist_classifiers.figures.cost import cost
from kanpipe.experiments.mnist_classifiers.figures.curves import curves
from kanpipe.experiments.mnist_classifiers.figures.errors import confusion, misread
from kanpipe.reporting.plots import house_style, save
from kanpipe.runs import FinishedRun


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF."""
    best = frames["best"]
    shown = [name for name in spec.figures.variants if name in set(best["variant"])]
    with house_style():
        for stem, figure in {
            "curves": curves(frames["epochs"], best, shown),
            "cost": cost(best),
            "confusion": confusion(frames["confusion"], best, shown),
            "misread": misread(frames["misread"], best),
        }.items():
            save(figure, out / stem)
