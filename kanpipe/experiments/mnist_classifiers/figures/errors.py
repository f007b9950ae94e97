"""The figures of what is misread."""

import math
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpipe.experiments.mnist_classifiers.figures.style import first_rows, name, name_and_size
from kanpipe.experiments.mnist_classifiers.pictures import unpacked
from kanpipe.reporting.panels import panels
from kanpipe.reporting.plots import INK, SMALL, canvas, statement
from kanpipe.reporting.variants import seeds

DIGITS = 10
ACROSS = 10  # misread images beside each other


def confusion(counts: pd.DataFrame, best: pd.DataFrame, shown: list[str]) -> Figure:
    """Misread test images by label and by what they are read as, in a run of each network on average."""
    rows, known = first_rows(best), set(counts["variant"])
    nets = [net for net in shown if net in known]
    if not nets:
        return statement("Confusion: no run of the networks to show has finished")
    figure, axes = panels(len(nets), height=2.7, below=0.4)
    images, runs = best["test_images"].iloc[0], counts.loc[counts["variant"].isin(nets), "runs"]
    words = (
        f"Misread of {images:,} test images, mean of {seeds(int(runs.min()), int(runs.max()))}, to the nearest image;\n"
        "shaded without a number: less than half an image. One scale of colours for all"
    )
    figure.suptitle(words, x=0.01, ha="left")
    wrong = {net: _wrong(counts[counts["variant"] == net]) for net in nets}
    most = max(1e-9, *(table.max() for table in wrong.values()))
    for place, net in zip(axes, nets, strict=True):
        _matrix(place, wrong[net], most)
        place.set_title(f"{fill(name_and_size(rows[net]), 34)}:\n{wrong[net].sum():.0f} in all")
    return figure


def _wrong(rows: pd.DataFrame) -> np.ndarray:
    """(labels, readings): the images that a run misreads on average."""
    table = rows.pivot(index="label", columns="read_as", values="images").to_numpy() / rows["runs"].iloc[0]
    return table * (1 - np.eye(DIGITS))


def _matrix(axes: Axes, wrong: np.ndarray, most: float) -> None:
    axes.imshow(wrong, cmap="Oranges", vmin=0, vmax=most)
    for (row, column), value in np.ndenumerate(wrong):
        if value >= 0.5:  # of an image, as the mean of the runs
            light = "white" if value > 0.6 * most else INK
            axes.text(column, row, f"{math.floor(value + 0.5)}", ha="center", va="center", size=SMALL, color=light)
    axes.set(xlabel="read as", ylabel="label")
    axes.set_xticks(range(DIGITS))
    axes.set_yticks(range(DIGITS))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def misread(images: pd.DataFrame, best: pd.DataFrame) -> Figure:
    """The test images that most runs misread: label, most frequent wrong reading, and how many runs."""
    if images.empty:
        return statement("No run misreads a test image")
    lines, side, pitch, margin = -(-len(images) // ACROSS), 0.55, 0.8, 0.1
    height = lines * pitch + 0.4
    figure, axes = canvas(2 * margin + ACROSS * (side + margin), height)
    rows = first_rows(best)
    nets = [name(rows[net]) for net in images["networks"].iloc[0].split() if net in rows]
    words = f"the {images['runs'].iloc[0]} runs of: {'; '.join(dict.fromkeys(nets))}: label, reading, runs"
    axes.text(margin, height - 0.1, fill(f"Misread most often by {words}", 110), va="top")
    for place, (_, row) in enumerate(images.iterrows()):
        line, column = divmod(place, ACROSS)
        left, bottom = margin + column * (side + margin), (lines - 1 - line) * pitch + margin
        shown = 255 - unpacked(row["pixels"])
        axes.imshow(shown, cmap="gray", vmin=0, vmax=255, extent=(left, left + side, bottom, bottom + side), zorder=1)
        title = f"{row['label']} as {row['read_as']} ({row['runs_misreading']})"
        axes.text(left + side / 2, bottom + side + 0.03, title, ha="center", va="bottom", size=SMALL)
    axes.set(xlim=(0, figure.get_figwidth()), ylim=(0, height), aspect="auto")  # images set their own
    return figure
