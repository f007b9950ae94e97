"""The figures of the experiment; errors are those on the test points unless a label says otherwise."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from kanpipe.experiments.function_fit.config import Experiment
from kanpipe.experiments.function_fit.figures.edges import edges
from kanpipe.experiments.function_fit.figures.errors import first_runs, scaling, staircase, u_turn
from kanpipe.experiments.function_fit.figures.untrained import growth_figure, locality_figure, warm_up_figure
from kanpipe.experiments.function_fit.outputs import has_edges
from kanpipe.reporting.plots import house_style, save
from kanpipe.runs import FinishedRun


def figures(runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment, out: Path) -> None:
    """Draw the figures of `OUTPUTS` into the folder `out`, each as PNG and PDF."""
    with house_style():
        for stem, figure in _all_figures(runs, frames, spec):
            save(figure, out / stem)


def _all_figures(
    runs: list[FinishedRun], frames: dict[str, pd.DataFrame], spec: Experiment
) -> Iterator[tuple[str, Figure]]:
    first, stages = first_runs(runs), frames["stages"]
    yield "staircase", staircase(first)
    yield "scaling", scaling(stages, first)
    yield "u_turn", u_turn(stages, first)
    yield "growth", growth_figure(frames["growth"])
    yield "warm_up", warm_up_figure(frames["pieces"], spec.evaluation.warm_up)
    yield "locality", locality_figure(frames["locality"])
    for name, run in first.items():
        if has_edges(run.spec.variant):
            yield f"edges_{name}", edges(run, frames["runs"].query("variant == @name"))
