"""The table of times."""

import pandas as pd

from kanpipe.experiments.mnist_classifiers.published import SECONDS_PER_EPOCH
from kanpipe.reporting.tables import Table, with_interval


def speed_table(speed: pd.DataFrame) -> Table:
    """A row for each network and part that was timed, with its ratios to others of the same rounds."""
    first = speed.iloc[0]
    text = pd.DataFrame(
        {
            "network": speed["variant"],
            "part": speed["part"],
            "multiplications": [f"{count / 1e6:,.2f} M" for count in speed["multiplications"]],
            "parameters": [f"{count:,}" for count in speed["parameters"]],
            **{
                f"{phase} ms": [f"{value:.1f}" for value in speed[f"{phase}_ms"]]
                for phase in ("forward", "backward", "update")
            },
            "step ms": [_with_quartiles(row) for _, row in speed.iterrows()],
            f"to {first['variant']}": [_ratio(row, "step") for _, row in speed.iterrows()],
            "to the linear head": [_ratio(row, "to_linear") for _, row in speed.iterrows()],
        }
    )
    return Table(speed, text, _note(first))


def _with_quartiles(row: pd.Series) -> str:
    return f"{row['step_ms']:.1f} ({row['step_ms_q1']:.1f} to {row['step_ms_q3']:.1f})"


def _ratio(row: pd.Series, name: str) -> str:
    """The ratio with its interval, where there is one."""
    value, low, high = (row.get(f"{name}_{end}") for end in ("ratio", "low", "high"))
    return with_interval(value, low, high, digits=3)


def _note(row: pd.Series) -> str:
    printed = SECONDS_PER_EPOCH["fasterkan"] / SECONDS_PER_EPOCH["mlp"]
    return (
        f"A step of AdamW on {row['batch']} random images, eager and in float32 however it trains, median of "
        f"{row['rounds']} rounds in which all take turns, with quartiles; ratios are medians over the rounds, with "
        "95 % intervals. Multiplications: of products and convolutions of one image, forward. To the linear head: the "
        "network with the same extractor. Published "
        f"layers: as their authors wrote them. An extractor stands once. {row['device']}, threads: {row['threads']}. "
        f"The source's FasterKAN network took {printed:.1f} times as long an epoch as its MLP network."
    )
