"""The figures of the classifiers of digits."""

from functools import partial
from pathlib import Path

import pandas as pd

from kanpipe.experiments.mnist_classifiers.config import Experiment
from kanpipe.experiments.mnist_classifiers.figures.cost import cost
from kanpipe.experiments.mnist_classifiers.figures.curves import curves
from kanpipe.experiments.mnist_classifiers.figures.errors import confusion, misread
from kanpipe.reporting.plots import draw
from kanpipe.runs import FinishedRun


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF.

    Where none of the networks that are to be shown was run, all are.
    """
    best = frames["best"]
    run = list(best["variant"].unique())
    shown = [name for name in spec.figures.variants if name in run] or run
    drawings = {
        "curves": partial(curves, frames["epochs"], best, shown),
        "cost": partial(cost, best, frames["speed"]),
        "confusion": partial(confusion, frames["confusion"], best, shown),
        "misread": partial(misread, frames["misread"], best),
    }
    draw(drawings, out)
