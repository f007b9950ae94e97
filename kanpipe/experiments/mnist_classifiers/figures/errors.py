"""The figures of what is misread."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpipe.experiments.mnist_classifiers.figures.style import first_rows, name
from kanpipe.experiments.mnist_classifiers.pictures import unpacked
from kanpipe.reporting.panels import panels
from kanpipe.reporting.plots import FULL, INK, SMALL, statement

DIGITS = 10
ACROSS = 10  # misread images beside each other


def confusion(counts: pd.DataFrame, best: pd.DataFrame, shown: list[str]) -> Figure:
    """Misread test images by label and by what they are read as, in a run of each network on average."""
    rows, known = first_rows(best), set(counts["variant"])
    nets = [net for net in shown if net in known]
    if not nets:
        return statement("Confusion: no run of the networks to show has finished")
    figure, axes = panels(len(nets), height=2.6, below=0.1)
    for place, net in zip(axes, nets, strict=True):
        _matrix(place, counts[counts["variant"] == net], name(rows[net]))
    return figure


def _matrix(axes: Axes, rows: pd.DataFrame, title: str) -> None:
    table = rows.pivot(index="label", columns="read_as", values="images").to_numpy() / rows["runs"].iloc[0]
    wrong = table * (1 - np.eye(DIGITS))
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=max(wrong.max(), 1e-9))
    for (row, column), value in np.ndenumerate(wrong):
        if value > 0:
            light = "white" if value > 0.6 * wrong.max() else INK
            axes.text(column, row, f"{value:.2g}", ha="center", va="center", size=SMALL, color=light)
    axes.set(title=f"{title}: {wrong.sum():.4g}", xlabel="read as", ylabel="label")
    axes.set_xticks(range(DIGITS))
    axes.set_yticks(range(DIGITS))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def misread(images: pd.DataFrame, best: pd.DataFrame) -> Figure:
    """The test images that most runs misread: label, most frequent wrong reading, and how many runs."""
    if images.empty:
        return statement("No run misreads a test image")
    lines = -(-len(images) // ACROSS)
    figure = Figure(figsize=(FULL, 0.35 + 0.92 * lines), layout="constrained")
    figure.suptitle(
        f"Misread most often by {images['runs'].iloc[0]} runs of {best['variant'].nunique()} networks",
        x=0.01,
        ha="left",
    )
    grid = figure.subplots(lines, ACROSS, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, (_, row) in zip(grid.flat, images.iterrows(), strict=False):
        axes.imshow(255 - unpacked(row["pixels"]), cmap="gray", vmin=0, vmax=255)
        axes.set_title(
            f"{row['label']} as {row['read_as']} ({row['runs_misreading']})", size=SMALL, loc="center", pad=2
        )
    return figure
