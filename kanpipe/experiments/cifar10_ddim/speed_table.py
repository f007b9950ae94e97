"""The table of times: a training step of every network, taken in turns, beside the published times."""

import pandas as pd

from kanpipe.experiments.cifar10_ddim.published import BATCH, DEVICE, PUBLISHED
from kanpipe.experiments.cifar10_ddim.words import Names
from kanpipe.reporting.tables import NOT_RUN, Table, with_interval


def speed_table(speed: pd.DataFrame, names: Names, published: bool) -> Table:
    """A row a network; what was `published`, if it was of this dataset, counts only where the device, the batch and the
    networks are the same.
    """
    if speed.empty:
        return Table(speed, pd.DataFrame(columns=["model"]), "No network was timed.")
    rows = [row for _, row in speed.iterrows()]
    first = rows[0]
    text = pd.DataFrame(
        {
            "model": [names.title(row["variant"]) for row in rows],
            "parameters": [f"{row['parameters']:,}" for row in rows],
            "s per 1,563 steps": [f"{row['seconds_1563']:.1f}" for row in rows],
            "published s": [_published_seconds(row, names) for row in rows],
            "ratio": [_ratio(row) for row in rows],
            "published ratio": [_published_ratio(row, first, names) for row in rows],
            "GFLOP/step": [_number(row["gflop_per_step"], ",.0f") for row in rows],
            "TFLOP/s": [_number(row["tflop_per_second"], ".3g") for row in rows],
            "peak MiB, device": [_number(row["peak_memory_mib"], ",.0f", "no GPU") for row in rows],
            "peak MiB, training": [_number(row["peak_memory_run_mib"], ",.0f", "not trained") for row in rows],
        }
    )
    if not published:
        text = text.drop(columns=["published s", "published ratio"])
    return Table(speed, text, _note(first, speed, names, published))


def is_published(row: pd.Series, names: Names) -> bool:
    """Whether the row is of a published network, with its batch, on its device."""
    known = names.published(row["variant"])
    return (
        known is not None and (row["parameters"], row["batch"]) == (known.parameters, BATCH) and DEVICE in row["device"]
    )


def _published_seconds(row: pd.Series, names: Names) -> str:
    known = names.published(row["variant"])
    return _compared(f"{known.seconds}", is_published(row, names)) if known else ""


def _published_ratio(row: pd.Series, first: pd.Series, names: Names) -> str:
    """That to the ordinary network, where it stands first."""
    known, ordinary = names.published(row["variant"]), names.published(first["variant"])
    if known is None or ordinary is not PUBLISHED["mlp"]:
        return ""
    same = is_published(row, names) and is_published(first, names)
    return _compared(f"{known.seconds / ordinary.seconds:.1f}", same)


def _compared(words: str, comparable: bool) -> str:
    return words if comparable else f"{words} (not comparable)"


def _ratio(row: pd.Series) -> str:
    return with_interval(row["step_ratio"], row["step_low"], row["step_high"])


def _number(value: float, form: str, missing: str = NOT_RUN) -> str:
    return missing if pd.isna(value) else f"{value:{form}}"


def _note(first: pd.Series, speed: pd.DataFrame, names: Names, published: bool) -> str:
    modes = " and ".join("compiled" if compiled else "eager" for compiled in speed["compile"].unique())
    source = f" Published: on an {DEVICE}." if published else ""
    return (
        f"One job, warm: medians over {first['rounds']} rounds in which all take turns, on {first['device']} "
        f"(threads: {first['threads']}). Step: forward, backward and update, batch {first['batch']}, "
        f"{' and '.join(speed['precision'].unique())}, {modes}. Ratio: to {names.title(first['variant'])}, with the "
        f"95 % interval of the median.{source} FLOPs are counted: forward and backward pass of a batch."
        f"{_reached(first)}"
    )


def _reached(first: pd.Series) -> str:
    """What the rates are to be read against, where it was measured."""
    most = first.get("device_tflops")
    return "" if pd.isna(most) else f" One large product of matrices reaches {most:.3g} TFLOP/s in the same job."
