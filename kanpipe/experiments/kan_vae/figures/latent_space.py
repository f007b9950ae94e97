"""The latent space of the models in the plane."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from scipy.spatial import cKDTree

from kanpipe.experiments.kan_vae.words import heading, title
from kanpipe.reporting.panels import blank, panels, scores
from kanpipe.reporting.plots import INK, SMALL
from kanpipe.reporting.style import Style
from kanpipe.reporting.variants import Variant, of_first_seeds

# Ten colours told apart also with a colour-vision deficiency (Petroff, arXiv:2107.02270), a class each, dealt out so
# that digits that look alike (3, 5 and 8; 4, 7 and 9) are far apart in colour.
CLASS_COLOURS = (
    "#717581", "#A96B59", "#B9AC70", "#3F90DA", "#832DB6", "#FFA90E", "#94A4A2", "#E76300", "#BD1F01", "#92DADD",
)  # fmt: skip


def latent_space(variants: list[Variant], latents: pd.DataFrame, classes: Sequence[str]) -> Figure:
    """t-SNE of the latent means of test images, coloured by class; `classes` names the labels (Figure 7).

    Names that are no digits stand beside their numbers below, and the numbers in the panels.
    """
    figure, places = panels(len(variants), height=2.75, below=0.35)
    for axes, variant in zip(places, variants, strict=True):
        own = latents[latents["variant"] == variant.name]
        axes.set_title(
            f"{heading(variant)}\n" + scores(variant, knn_accuracy="k-NN {:.1f} %", silhouette="silhouette {:.2f}")
        )
        axes.set(xticks=[], yticks=[])
        axes.set_aspect("equal", adjustable="datalim")
        axes.spines[:].set_visible(False)
        if not variant.runs:
            blank(axes, "diverged")
        elif len(points := own[own["seed"] == variant.runs[0].seed]):
            _scatter(axes, points)
        else:
            blank(axes, "not run")
    shown = latents.groupby(["variant", "seed"]).size().max() if len(latents) else 0
    words = (
        f"t-SNE of the latent means of {shown:,} test images, {of_first_seeds(variants, title)}. "
        "k-NN and silhouette are of latent means, not of the picture."
    )
    digits = [str(label) for label in range(len(classes))]
    names = digits if digits == [*classes] else [f"{label} {name}" for label, name in enumerate(classes)]
    columns = 10 if names == digits else 5
    style: Style = {"ncols": columns, "handletextpad": 0, "columnspacing": 1.2, "title": words, "title_fontsize": SMALL}
    figure.legend(handles=_entries(names), loc="outside lower center", **style)
    return figure


def _scatter(axes: Axes, points: pd.DataFrame) -> None:
    points = points.sample(frac=1, random_state=0)  # so that no class covers the others
    hues = [CLASS_COLOURS[label] for label in points["label"]]
    axes.scatter(points["x"], points["y"], s=3, c=hues, linewidths=0, rasterized=True)
    halo: Style = {"path_effects": [withStroke(linewidth=2.5, foreground="white")], "zorder": 3}
    for label, place in label_places(points).items():
        axes.text(*place, str(label), color=INK, weight="bold", ha="center", va="center", **halo)


def label_places(points: pd.DataFrame) -> dict[int, tuple[float, float]]:
    """Where each class is written: on that one of its points around which it is the most common, or the densest."""
    places, labels = points[["x", "y"]].to_numpy(), points["label"].to_numpy()
    around = range(1, max(2, len(points) // 25) + 1)  # neighbours: less than half of a class's points
    distances, near = cKDTree(places).query(places, list(around))
    share = (labels[near] == labels[:, None]).mean(axis=1)
    best_first = np.lexsort((distances[:, -1], -share))
    return {label: tuple(places[best_first[labels[best_first] == label][0]]) for label in np.unique(labels)}


def _entries(names: Sequence[str]) -> list[Line2D]:
    style: Style = {"marker": "o", "markersize": 4.5, "linestyle": "none", "markeredgewidth": 0}
    return [Line2D([], [], color=hue, label=name, **style) for name, hue in zip(names, CLASS_COLOURS, strict=True)]
