"""The learned functions on the edges of a deep KAN, which should find a composition."""

import pandas as pd
from matplotlib.figure import Figure

from kanpipe.experiments.function_fit import problem
from kanpipe.experiments.function_fit.networks import KAN
from kanpipe.plots import plot_edges
from kanpipe.reporting.plots import statement
from kanpipe.reporting.variants import seeds
from kanpipe.runs import FinishedRun


def edges(run: FinishedRun, rows: pd.DataFrame) -> Figure:
    """All edges of the network of one run, over the training points.

    `rows` are those of the variant's runs: how many of its starts come so far is said too.
    """
    variant = run.spec.variant
    if run.diverged:
        return statement(f"{problem.TARGETS[variant.target].formula}: every run diverged")
    network = problem.restore(variant, variant.grid_sizes[-1], run.tensors("weights.safetensors"))
    assert isinstance(network, KAN)
    x, _ = problem.training_set(variant, run.seed)
    escaped, starts = int(rows["escaped"].sum()), int(rows["restarts"].sum())
    title = (
        f"{problem.TARGETS[variant.target].formula}: a KAN with $G={network.grid_size}$, training seed {run.seed}; "
        f"{escaped} of {starts} starts of {seeds(len(rows))} come so far.\n"
        "The edges, with the part of the output that passes through each in per cent, the nearest formula (dashed),\n"
        "the inputs (grey), and the knots (below)"
    )
    return plot_edges(network.kan_layers, x, title=title)
