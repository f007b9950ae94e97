"""In how many starts a deep KAN finds squares, sines and an exponential, named without knowing them.

    python -m kanpipe.experiments.function_fit.named [--seeds 0 1 2] [--variants pi_deep_kan]

makes all restarts of the kept runs again, each from its own start, lets those that escape go on to finer grids, where a
run goes on with the best alone, and writes results/reference/function_fit/named.csv: a row a restart. Minutes a run.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from kanpipe.config import effective, load_yaml
from kanpipe.config.kinds import trained
from kanpipe.experiments.function_fit import problem
from kanpipe.experiments.function_fit.evaluate import ESCAPED
from kanpipe.experiments.function_fit.lbfgs import rmse
from kanpipe.experiments.function_fit.local_splines import EdgeFunctions
from kanpipe.experiments.function_fit.networks import KAN
from kanpipe.experiments.function_fit.outputs import has_edges
from kanpipe.experiments.function_fit.train import Fitting, Outcome
from kanpipe.experiments.plan import Plan
from kanpipe.files import read_table, write_table
from kanpipe.plots import suggest
from kanpipe.progress import Progress
from kanpipe.reporting.folders import SOURCE
from kanpipe.runs import Run

WANTED = ("square", "sin", "exp")  # of the layers, one after another
IN_USE = 0.02  # of the largest range of a layer's edges: what moves by less is not used
FINEST = 10  # grid size up to which a restart goes on: finer ones change no name


@torch.no_grad()
def edge_names(network: KAN, x: torch.Tensor) -> list[list[str]]:
    """What `kanpipe.plots.suggest` calls the edges in use of each layer, over the points x (n, in)."""
    names = []
    for layer in network.kan_layers:
        values = EdgeFunctions(layer)(x)  # (n, in, out)
        ranges = np.ptp(values.numpy(), axis=0)
        some = slice(None, None, max(1, len(x) // 400))
        used = np.argwhere(ranges > IN_USE * ranges.max())
        names.append([suggest(x[some, i].numpy(), values[some, i, o].numpy()).name for i, o in used])
        x = values.sum(1) + (0 if layer.bias is None else layer.bias)
    return names


def is_found(names: list[list[str]]) -> bool:
    """Whether every edge in use is what the composition has in its layer."""
    return all(set(own) == {wanted} for own, wanted in zip(names, WANTED, strict=True))


def restart_row(run: Run, number: int) -> dict[str, Any]:
    """One restart, and what its edges are called; those that escape go on to the grid size `FINEST` before."""
    fitting = Fitting(run, Outcome(done=number))
    fitting.advance()
    error = fitting.state.restarts[0]["free_rmse"]
    fitting.state.done = fitting.options.restarts
    for grid_size in fitting.grids if error < ESCAPED else ():
        if grid_size is not None and grid_size <= FINEST:
            fitting.advance()
    network = problem.restore(run.spec.variant, fitting.state.grid_size, fitting.state.weights)
    assert isinstance(network, KAN)
    names = edge_names(network, fitting.data[0])
    words = "; ".join(" ".join(sorted(own)) for own in names)
    head = {"variant": run.variant, "seed": run.seed, "restart": number, "grid_size": fitting.state.grid_size}
    return head | {
        "free_rmse": error,
        "test_rmse": rmse(network, fitting.test),
        "named": int(is_found(names)),
        "edges": words,
    }


def _runs(rows: pd.DataFrame) -> list[Run]:
    """The trainings of kept rows whose edges can be read, as they are configured."""
    plan = Plan("function_fit", effective(load_yaml(SOURCE / "config.yaml"))["experiments"]["function_fit"])
    found = []
    for name, seed in rows[["variant", "seed"]].drop_duplicates().itertuples(index=False):
        if name in plan.settings["variants"]:
            spec: Any = trained(plan.kind, plan.blocks("train") | {"variant": plan.variant(name)})
            if has_edges(spec.variant):
                found.append(Run(plan.name, plan.kind, name, seed, spec, "", Path()))
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, nargs="+", help="of the kept ones; all without")
    options.add_argument("--variants", nargs="+", help="all deep KANs without")
    chosen = options.parse_args()
    folder = SOURCE / "results/reference/function_fit"
    runs = [
        run
        for run in _runs(read_table(folder / "runs.csv"))
        if (chosen.seeds is None or run.seed in chosen.seeds)
        and (chosen.variants is None or run.variant in chosen.variants)
    ]
    rows = []
    with Progress(
        "restarts", sum(Fitting(run, Outcome()).options.restarts for run in runs), unit="restart"
    ) as progress:
        for run in runs:
            for number in range(Fitting(run, Outcome()).options.restarts):
                rows.append(restart_row(run, number))
                progress.advance()
            write_table(folder / "named.csv", pd.DataFrame(rows))


if __name__ == "__main__":
    main()
