"""The tables of the experiment: all times, and the published ratios beside ours."""

import pandas as pd

from kanpipe.experiments.layer_speed.published import REPORTED, Reported
from kanpipe.experiments.layer_speed.words import CONTENDERS, PHASES, interval, setup_words, words
from kanpipe.reporting.tables import Table, with_interval


def tables(frames: dict[str, pd.DataFrame]) -> dict[str, Table]:
    """All times, and the `published` ratios beside ours, from the rows that `speed` made."""
    return {"": _times(frames["runs"]), "published": _published(frames["runs"])}


def _times(runs: pd.DataFrame) -> Table:
    """Every row, as it was measured."""
    rows = [row for _, row in runs.iterrows()]
    columns = {
        "set-up": [setup_words(row) for row in rows],
        "layer": [words(name) for name in runs["variant"]],
        "mode": runs["mode"].tolist(),
        "precision": runs["precision"].tolist(),
        **{f"{phase}, ms": [_quartiles(row, phase) for row in rows] for phase in PHASES},
        "both / ordinary": [interval(row, "both_over_mlp") for row in rows],
        "both / floor": [interval(row, "both_over_floor") for row in rows],
        "both / Cox-de Boor": [interval(row, "both_over_cox_de_boor") for row in rows],
        "saved, MiB": [f"{n:.2f}" for n in runs["saved_mib"]],
        "GFLOP/s": [f"{1e3 * n:.0f}" for n in runs["tflops"]],
        "parameters": [f"{n:,}" for n in runs["parameters"]],
    }
    if "peak_mib" in runs:
        columns["peak, MiB"] = [f"{n:.1f}" for n in runs["peak_mib"]]
    return Table(runs, pd.DataFrame(columns), _note(runs))


def _quartiles(row: pd.Series, phase: str) -> str:
    return f"{row[f'{phase}_ms']:.3g} ({row[f'{phase}_ms_q1']:.3g} to {row[f'{phase}_ms_q3']:.3g})"


def _note(runs: pd.DataFrame) -> str:
    first = runs.iloc[0]
    clock = "events of the device" if first["device_type"] == "cuda" else "CPU time of one thread"
    rates = runs.drop_duplicates("precision")
    rates = ", ".join(f"{row['precision']} {1e3 * row['device_tflops']:,.0f}" for _, row in rates.iterrows())
    return (
        f"Medians over {first['rounds']} rounds in which all took turns, with quartiles; {clock} on {first['device']}. "
        "Ratios are medians of the rounds' ratios, with 95 % intervals, to rows of the same mode (eager where there is "
        "no other). Floor: one matmul or convolution with as many inputs as a KAN layer has features. Saved: kept for "
        f"the backward pass beyond input and parameters. A large matmul runs at (GFLOP/s): {rates}."
    )


def _published(runs: pd.DataFrame) -> Table:
    """A row a published ratio: what was reported, and ours in every mode."""
    rows = [_beside(reported, row) for reported in REPORTED for row in _ours(reported, runs)]
    numbers = pd.DataFrame(rows, columns=COLUMNS)
    text = numbers.drop(columns=["low", "high"]).rename(columns={"ratio": "measured"})
    text["measured"] = [
        with_interval(*ends) for ends in zip(numbers["ratio"], numbers["low"], numbers["high"], strict=True)
    ]
    note = "How many times as long the first takes as the second. The reported ones were measured on a GPU."
    return Table(numbers, text.astype(str), note)


COLUMNS = ["setup", "phase", "first", "second", "reported", "source", "their ms", "mode", "precision", "device",
           "ratio", "low", "high"]  # fmt: skip


def _ours(reported: Reported, runs: pd.DataFrame) -> list[pd.Series]:
    found = runs[(runs["setup"] == reported.setup) & (runs["variant"] == reported.left)]
    column = f"{reported.phase}_over_{reported.right}"
    return [row for _, row in found.iterrows() if pd.notna(row.get(column))]


def _beside(reported: Reported, row: pd.Series) -> dict:
    column = f"{reported.phase}_over_{reported.right}"
    theirs = [reported.ratio, reported.source, reported.times]
    names = [CONTENDERS[reported.left], CONTENDERS[reported.right]]
    ours = [row["mode"], row["precision"], row["device"], *row[[column, f"{column}_low", f"{column}_high"]]]
    return dict(zip(COLUMNS, [setup_words(row), reported.phase, *names, *theirs, *ours], strict=True))
