"""Panels of models side by side: where they stand, what is said of each, and what an empty one says."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpipe.reporting.plots import FULL, MUTED
from kanpipe.reporting.variants import Variant

ACROSS = 3


def panels(count: int, height: float, below: float, across: int = ACROSS, **options: Any) -> tuple[Figure, list[Axes]]:
    """A page-wide figure of as many panels, each `height` inches high, and `below` inches for what stands below.

    At most `across` stand beside each other; `options` are those of `Figure.subplots`.
    """
    lines = -(-count // across)
    figure = Figure(figsize=(FULL, lines * height + below), layout="constrained")
    grid = figure.subplots(lines, min(count, across), squeeze=False, **options)
    for axes in grid.flat[count:]:
        axes.axis("off")
    places = list(grid.flat[:count])
    for axes in places[-across:]:  # with none below, where an axis that is shared would hide the numbers
        axes.tick_params(labelbottom=True)
    return figure, places


def blank(axes: Axes, words: str) -> None:
    """Says why there is nothing to see."""
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=MUTED)


def scores(variant: Variant, **forms: str) -> str:
    """What was measured of the run that is shown, in words: `scores(variant, kl="KL {:.1f}")`; nothing if nothing."""
    row = variant.rows[variant.rows["seed"] == variant.runs[0].seed].iloc[0] if variant.runs else pd.Series(dtype=float)
    return ", ".join(form.format(row[name]) for name, form in forms.items() if np.isfinite(row.get(name, np.nan)))
