"""The figures of the experiment; errors are those on the test points unless a label says otherwise."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from kanpipe.experiments.function_fit.config import Experiment
from kanpipe.experiments.function_fit.figures.edges import edges
from kanpipe.experiments.function_fit.figures.errors import first_runs, scaling, staircase, u_turn
from kanpipe.experiments.function_fit.figures.untrained import growth_figure, locality_figure, warm_up_figure
from kanpipe.experiments.function_fit.outputs import has_edges
from kanpipe.reporting.plots import draw
from kanpipe.runs import FinishedRun


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF."""
    first, stages, rows = first_runs(runs), frames["stages"], frames["runs"]
    drawings: dict[str, Callable[[], Figure]] = {
        "staircase": partial(staircase, first),
        "scaling": partial(scaling, stages, first),
        "u_turn": partial(u_turn, stages, first),
        "growth": partial(growth_figure, frames["growth"], spec.evaluation.growth),
        "warm_up": partial(warm_up_figure, frames["pieces"], spec.evaluation.warm_up),
        "locality": partial(locality_figure, frames["locality"]),
    }
    for name, run in first.items():
        if has_edges(run.spec.variant):
            drawings[f"edges_{name}"] = partial(edges, run, rows[rows["variant"] == name])
    draw(drawings, out)
