"""The table of times: a training step of every network, taken in turns, beside the published times."""

import pandas as pd

from kanpipe.experiments.cifar10_ddim.published import BATCH, DEVICE, PUBLISHED
from kanpipe.experiments.cifar10_ddim.words import title
from kanpipe.reporting.tables import NOT_RUN, Table

FIRST = "unet"  # to which the published ratio is


def speed_table(speed: pd.DataFrame) -> Table:
    """A row a network; what was published counts only where the device, the batch and the networks are the same."""
    if speed.empty:
        return Table(speed, pd.DataFrame(columns=["model"]), "No network was timed.")
    rows = [row for _, row in speed.iterrows()]
    first = rows[0]
    text = pd.DataFrame(
        {
            "model": [title(row["variant"]) for row in rows],
            "parameters": [f"{row['parameters']:,}" for row in rows],
            "s per 1,563 steps": [f"{row['seconds_1563']:.1f}" for row in rows],
            "published s": [_published_seconds(row) for row in rows],
            "ratio": [_ratio(row) for row in rows],
            "published ratio": [_published_ratio(row, first) for row in rows],
            "GFLOP/step": [_number(row["gflop_per_step"], ",.0f") for row in rows],
            "TFLOP/s": [_number(row["tflop_per_second"], ".3g") for row in rows],
            "peak MiB, device": [_number(row["peak_memory_mib"], ",.0f", "no GPU") for row in rows],
            "peak MiB, training": [_number(row["peak_memory_run_mib"], ",.0f") for row in rows],
        }
    )
    return Table(speed, text, _note(first, speed))


def is_published(row: pd.Series) -> bool:
    """Whether the row is of a published network, with its batch, on its device."""
    known = PUBLISHED.get(row["variant"])
    return (
        known is not None and (row["parameters"], row["batch"]) == (known.parameters, BATCH) and DEVICE in row["device"]
    )


def _published_seconds(row: pd.Series) -> str:
    if row["variant"] not in PUBLISHED:
        return ""
    return _compared(f"{PUBLISHED[row['variant']].seconds}", is_published(row))


def _published_ratio(row: pd.Series, first: pd.Series) -> str:
    if row["variant"] not in PUBLISHED or first["variant"] != FIRST:
        return ""
    ratio = PUBLISHED[row["variant"]].seconds / PUBLISHED[FIRST].seconds
    return _compared(f"{ratio:.1f}", is_published(row) and is_published(first))


def _compared(words: str, comparable: bool) -> str:
    return words if comparable else f"{words} (not comparable)"


def _ratio(row: pd.Series) -> str:
    interval = "" if pd.isna(row["step_low"]) else f" [{row['step_low']:.2f}, {row['step_high']:.2f}]"
    return f"{row['step_ratio']:.2f}{interval}"


def _number(value: float, form: str, missing: str = NOT_RUN) -> str:
    return missing if pd.isna(value) else f"{value:{form}}"


def _note(first: pd.Series, speed: pd.DataFrame) -> str:
    modes = " and ".join("compiled" if compiled else "eager" for compiled in speed["compile"].unique())
    return (
        f"One job, warm: medians over {first['rounds']} rounds in which all take turns, on {first['device']} "
        f"(threads: {first['threads']}). Step: forward, backward and update, batch {first['batch']}, "
        f"{' and '.join(speed['precision'].unique())}, {modes}. Ratio: to {title(first['variant'])}, with the 95 % "
        f"interval of the median. Published: on an {DEVICE}. FLOPs are counted: forward and backward pass of a batch."
    )
