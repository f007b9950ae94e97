"""Errors and slopes of all runs, and what needs no training: growth of time, warm-up, locality."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from kanpipe.experiments.function_fit.config import Experiment, Growth, Kan
from kanpipe.experiments.function_fit.curves import locality, separations, warm_up
from kanpipe.experiments.function_fit.exponents import exponents
from kanpipe.experiments.function_fit.growth import growth
from kanpipe.experiments.protocol import Inputs
from kanpipe.machine import Machine
from kanpipe.runs import FINISHED, FinishedRun

ESCAPED = 0.1  # a restart with a smaller error has found the composition; all others stay far above


def evaluate(runs: list[FinishedRun], spec: Experiment, inputs: Inputs, machine: Machine) -> dict[str, pd.DataFrame]:
    """Eight tables.

    runs      a row a run
    stages    a row for every run and grid, with the slope from the grid before
    restarts  a row for every restart
    exponents  a row for every exponent of the growth of time and every round (variant time_<network>_<axis>)
    separations  a row for every kind of boundary and sample of points
    growth, pieces, locality
    """
    stages = pd.concat([_stages(run) for run in runs], ignore_index=True)
    chosen = spec.evaluation
    times = growth(chosen.growth)
    return {
        "runs": pd.DataFrame([run.row() | _metrics(run, chosen.slope_from) for run in runs]),
        "stages": stages,
        "restarts": pd.concat([_named(run, "restarts") for run in runs], ignore_index=True),
        "growth": times,
        "exponents": _rounds(exponents(times), runs[0].record.experiment, chosen.growth),
        "pieces": warm_up(chosen.warm_up),
        "separations": separations(chosen.warm_up),
        "locality": locality(chosen.locality),
    }


def _named(run: FinishedRun, table: str) -> pd.DataFrame:
    """One of the run's own tables, with columns that say whose it is."""
    variant = run.spec.variant
    named = run.table(table)
    named.insert(0, "variant", run.variant)
    named.insert(1, "seed", run.seed)
    return named.assign(family=variant.family, target=variant.target, samples=variant.samples)


def _stages(run: FinishedRun) -> pd.DataFrame:
    """The run's stages; `slope` is that of log test error over log grid size, where it grows, from the stage before."""
    stages = _named(run, "stages")
    if stages["grid_size"].isna().any():
        return stages.assign(slope=np.nan)
    rise, run_ = np.log(stages["test_rmse"]).diff(), np.log(stages["grid_size"]).diff()
    return stages.assign(slope=rise / run_.where(run_ != 0))


def _metrics(run: FinishedRun, slope_from: int) -> dict[str, Any]:
    """What a run is judged by; logarithms are to the base 10."""
    variant, stages, restarts = run.spec.variant, _stages(run), _named(run, "restarts")
    test_points = run.spec.problem.test_points
    scale = {"target": variant.target, "samples": variant.samples, "test_points": test_points}
    counts = {"restarts": len(restarts), "escaped": int((restarts["free_rmse"] < ESCAPED).sum())}
    last = stages.iloc[-1]
    errors = {"train_rmse": last["train_rmse"], "test_rmse": last["test_rmse"]}
    logs = np.log10(stages["test_rmse"])
    found = {"log_test_rmse": logs.iloc[-1], "log_best_test_rmse": logs.min()}
    if not isinstance(variant, Kan):
        found |= {f"log_test_rmse_{variant.matches}": logs.iloc[-1]} if variant.matches else {}
        return scale | counts | errors | found
    found |= {f"log_test_rmse_{row.grid_size:.0f}": np.log10(row.test_rmse) for row in stages.itertuples()}
    if len(stages) > 1:
        found |= {"log_gain": logs.iloc[0] - logs.iloc[-1], "log_u_turn": logs.iloc[-1] - logs.min()}
        found |= {"best_grid_size": int(stages.loc[logs.idxmin(), "grid_size"])}
        found |= fitted_slope(stages[stages["grid_size"] >= slope_from])
        found |= {"largest_jump": stages["extension_jump"].max()}
    return scale | counts | errors | found


def fitted_slope(stages: pd.DataFrame) -> dict[str, float]:
    """Least squares of log test error over log grid size: slope, and its 95 % interval from the residuals."""
    if stages["grid_size"].nunique() < 2:
        return {}
    fit = stats.linregress(np.log(stages["grid_size"]), np.log(stages["test_rmse"]))
    if len(stages) < 3:
        return {"slope": fit.slope}
    half = stats.t.ppf(0.975, len(stages) - 2) * fit.stderr
    return {"slope": fit.slope, "slope_low": fit.slope - half, "slope_high": fit.slope + half}


def _rounds(found: pd.DataFrame, experiment: str, timed: Growth) -> pd.DataFrame:
    """Exponents as rows like those of runs, so that claims are judged over rounds as others are over seeds."""
    names = [f"time_{kind}_{axis}" for kind, axis in zip(found["kind"], found["axis"], strict=True)]
    head = {"experiment": experiment, "variant": names, "seed": found["round"], "status": FINISHED}
    scale = {"batch": timed.batch, "rounds": timed.rounds}
    return pd.DataFrame(head | scale | {name: found[name] for name in ("exponent", "operations_exponent")})
