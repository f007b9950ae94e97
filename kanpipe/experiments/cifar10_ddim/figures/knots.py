"""Where the inputs of KAN layers lie while the networks are trained."""

from itertools import groupby
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from kanpipe.experiments.cifar10_ddim.words import Names
from kanpipe.reporting.panels import panels
from kanpipe.reporting.plots import GROUND, SMALL, statement
from kanpipe.reporting.variants import Variant

ACROSS = 4
SHADES = colormaps["YlOrBr"].with_extremes(bad=GROUND)
PARTS = {  # beginning of a layer's name: the part of the net
    "time_embedding": "time, in",
    "conv_in": "time, in",
    "down_blocks": "down",
    "middle": "middle",
    "mid_blocks": "middle",
    "up_blocks": "up",
    "conv_out": "out",
}


def coverage(variants: list[Variant], inputs: pd.DataFrame, names: Names) -> Figure:
    """The share of the inputs outside the grid: a row a layer, from the first at the top, a column a probe.

    Rows are as high in every panel, and the darkest colour is the largest share of all. For FastKAN and FasterKAN the
    grid ends at the outermost centres.
    """
    measured = inputs.dropna(subset="outside_grid")
    shown = [variant for variant in variants if variant.name in set(measured["variant"])]
    if not shown:
        return statement("No KAN layer's inputs were looked at while training")
    first = measured.groupby("variant")["seed"].transform("first")  # the pictures are of one run each
    rows = measured[(measured["seed"] == first) & measured["variant"].isin([variant.name for variant in shown])]
    figure, places = panels(len(shown), height=2.2, below=0.35, across=ACROSS)
    scale = Normalize(0, max(0.01, rows["outside_grid"].max()))
    layers = rows.groupby("variant")["place"].nunique().max()
    for axes, variant in zip(places, shown, strict=True):
        axes.set_title(fill(names.title(variant.name) + ("" if variant.runs else ", diverged"), 26), size=SMALL)
        _heat_map(axes, rows[rows["variant"] == variant.name], scale)
        axes.set_ylim(layers - 0.5, -0.5)
    words = f"A row a layer of the network; training seed {', '.join(map(str, sorted(rows['seed'].unique())))}"
    figure.suptitle(words, x=0.01, ha="left")
    bar = figure.colorbar(
        ScalarMappable(scale, SHADES),
        ax=places,
        fraction=0.02,
        aspect=30,
        shrink=min(1, 1.5 / -(-len(shown) // ACROSS)),
    )
    bar.set_label("share of inputs outside the grid")
    bar.outline.set_visible(False)
    return figure


def _heat_map(axes: Axes, rows: pd.DataFrame, scale: Normalize) -> None:
    layers = rows.drop_duplicates("place").set_index("place")["layer"].sort_index()
    shares = rows.pivot_table(index="place", columns="step", values="outside_grid").reindex(layers.index)
    axes.imshow(shares, cmap=SHADES, norm=scale, aspect="auto", interpolation="nearest")
    _layer_ticks(axes, layers.tolist())
    _step_ticks(axes, shares.columns)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _layer_ticks(axes: Axes, layers: list[str]) -> None:
    """Names of the parts of the net in the middle of their rows, and lines between the parts."""
    parts = [PARTS.get(layer.split(".")[0], layer) for layer in layers]
    ends = np.cumsum([len(list(rows)) for _, rows in groupby(parts)])
    starts = np.concatenate([[0], ends[:-1]])
    axes.set_yticks((starts + ends - 1) / 2, [part for part, _ in groupby(parts)])
    for end in ends[:-1]:
        axes.axhline(end - 0.5, color="white", linewidth=0.8)


def _step_ticks(axes: Axes, steps: pd.Index) -> None:
    """Every probe, which are not evenly spaced."""
    axes.set_xticks(range(len(steps)), [f"{step:,}" for step in steps], size=6)
    axes.set_xlabel("training step")
