"""The tables of the experiment: all networks, every grid, the growth of time, and the two lessons in curves."""

import numpy as np
import pandas as pd

from kanpipe.experiments.function_fit.curves import changed_share
from kanpipe.experiments.function_fit.exponents import exponents
from kanpipe.experiments.function_fit.published import TEST_RMSE
from kanpipe.reporting.tables import Table, counts, summarise


def tables(frames: dict[str, pd.DataFrame]) -> dict[str, Table]:
    """From the frames that `evaluate` made."""
    return {
        "": _networks(frames["runs"]),
        "grids": _grids(frames["stages"]),
        "growth": _growth(frames["growth"]),
        "curves": _curves(frames["separations"], frames["locality"]),
    }


def _networks(runs: pd.DataFrame) -> Table:
    metrics = ["train_rmse", "test_rmse", "log_test_rmse", "log_gain", "log_u_turn", "slope", "escaped", "minutes"]
    runs = runs.assign(**{metric: np.nan for metric in metrics if metric not in runs})
    by = ["variant", "target", "samples", "parameters"]
    summary = summarise(runs, [*by, "restarts"], metrics)
    text = pd.DataFrame(
        {
            "network": summary["variant"],
            "target": summary["target"],
            "points": [f"{n:,}" for n in summary["samples"]],
            "parameters": [f"{n:,}" for n in summary["parameters"]],
            "test RMSE": _geometric(summary, "log_test_rmse"),
            "slope in G": _plain(summary, "slope", ".2f"),
            "restarts that escape": [
                "" if np.isnan(m) else f"{m:.1f} of {n}"
                for m, n in zip(summary["escaped_mean"], summary["restarts"], strict=True)
            ],
            "minutes": _plain(summary, "minutes", ".1f"),
            "n": counts(summary),
        }
    )
    note = (
        "Errors of the last stage: geometric mean and the factor by which one standard deviation multiplies it, over n "
        "training seeds, each with points and starts of its own. Slope: of log test RMSE over log G within a run, mean "
        "± standard deviation of the runs. A restart escapes when its RMSE falls below 0.1."
    )
    return Table(summary, text, note)


def _grids(stages: pd.DataFrame) -> Table:
    """A row a network and stage; an MLP has one row without a grid."""
    stages = stages.assign(log_test=np.log10(stages["test_rmse"]), log_train=np.log10(stages["train_rmse"]))
    stages = stages.assign(extension_jump=stages.get("extension_jump", np.nan), status="finished")
    metrics = ["log_train", "log_test", "slope", "extension_jump", "rmse_before", "rmse_extended", "moves"]
    summary = summarise(stages, ["variant", "stage", "grid_size", "parameters", "samples"], metrics)
    largest = stages.groupby(["variant", "stage"])["extension_jump"].max()
    summary["largest_jump"] = [largest[key] for key in zip(summary["variant"], summary["stage"], strict=True)]
    keys = list(zip(summary["variant"], summary["grid_size"], strict=True))
    summary["published"] = [TEST_RMSE.get(variant, {}).get(grid) for variant, grid in keys]
    text = pd.DataFrame(
        {
            "network": summary["variant"],
            "G": [f"{g:.0f}" if pd.notna(g) else "" for g in summary["grid_size"]],
            "parameters": [f"{n:,}" for n in summary["parameters"]],
            "train RMSE": _geometric(summary, "log_train"),
            "test RMSE": _geometric(summary, "log_test"),
            "published test RMSE": [f"{p:.2e}" if pd.notna(p) else "" for p in summary["published"]],
            "local slope": _plain(summary, "slope", ".2f"),
            "largest jump of an edge": [f"{j:.1e}" if pd.notna(j) else "" for j in summary["largest_jump"]],
            "RMSE before / after extension": [
                f"{before:.2e} / {after:.2e}" if pd.notna(grid) else ""
                for before, after, grid in zip(
                    summary["rmse_before_mean"], summary["rmse_extended_mean"], summary["grid_size"], strict=True
                )
            ],
            "n": summary["n"],
        }
    )
    note = (
        "Test and train RMSE as in the table of networks. Local slope: of log test RMSE over log G, from the grid "
        "before. Jump: the largest change, over all edges, ranges and seeds, of a function when its grid is extended, "
        "before any step; where grids nest it is rounding. RMSE on the training points at the end of the stage before, "
        "and after the extension. Published: one run."
    )
    return Table(summary, text, note)


def _growth(times: pd.DataFrame) -> Table:
    """A row for each fitted exponent; claimed are N^2 L G and N^2 L."""
    claimed = {"width": 2, "depth": 1, "grid_size": 1}
    found = exponents(times).groupby(["kind", "axis"], sort=False)["exponent"]
    summary = found.agg(mean="mean", sem="sem", rounds="count").reset_index()
    summary["claimed"] = [claimed[axis] for axis in summary["axis"]]
    values = times.groupby(["kind", "axis"], sort=False)["value"].unique()
    text = pd.DataFrame(
        {
            "network": summary["kind"].str.upper(),
            "grows with": summary["axis"].str.replace("_", " "),
            "values": [", ".join(map(str, values[key])) for key in zip(summary["kind"], summary["axis"], strict=True)],
            "fitted exponent": [
                f"{m:.2f} ± {1.96 * s:.2f}" for m, s in zip(summary["mean"], summary["sem"], strict=True)
            ],
            "claimed": summary["claimed"],
            "rounds": summary["rounds"],
        }
    )
    note = (
        "CPU time of forward and backward pass, float32, one thread; exponents fitted in every round of interleaved "
        "timing, mean ± 1.96 standard errors over rounds. A KAN layer's matmul has G + k + 1 columns an input, so that "
        "its exponent in G is below 1 until G is large."
    )
    return Table(summary, text, note)


def _curves(separations: pd.DataFrame, locality: pd.DataFrame) -> Table:
    accuracy = separations.groupby("boundary", sort=False)["accuracy"].mean()
    rows = [
        {"what": f"{name.replace('$', '')}: points on their side", "value": value} for name, value in accuracy.items()
    ]
    for name, words in (("spline", "cubic B-spline"), ("bezier", "Bezier curve")):
        share = changed_share(locality[locality["curve"] == name])
        rows.append({"what": f"{words}: share that moves with one control point", "value": share})
    numbers = pd.DataFrame(rows)
    text = numbers.assign(value=[f"{value:.1%}" for value in numbers["value"]])
    note = "Accuracy on the points to which the boundary was fitted by logistic regression"
    return Table(numbers, text, f"{note}, mean over {separations['sample'].nunique()} samples of them.")


def _geometric(summary: pd.DataFrame, metric: str) -> list[str]:
    """Cells such as `4.8e-07 ×/÷ 1.3`, from the mean and standard deviation of logarithms to the base 10."""
    pairs = zip(summary[f"{metric}_mean"], summary[f"{metric}_sd"], summary["n"], strict=True)
    return [
        "diverged" if n == 0 else f"{10**mean:.2e}" + (f" ×/÷ {10**sd:.2f}" if pd.notna(sd) else "")
        for mean, sd, n in pairs
    ]


def _plain(summary: pd.DataFrame, metric: str, form: str) -> list[str]:
    """Cells such as `-3.61 ± 0.05`; empty where there is no value."""
    pairs = zip(summary[f"{metric}_mean"], summary[f"{metric}_sd"], strict=True)
    cells = [
        "" if pd.isna(mean) else f"{mean:{form}}" + (f" ± {sd:{form}}" if pd.notna(sd) else "") for mean, sd in pairs
    ]
    return [cell.replace("-", "−") for cell in cells]
