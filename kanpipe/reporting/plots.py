"""The house style of all figures: sizes, colours, and how a figure is written.

Figures are `matplotlib.figure.Figure` objects without pyplot: no display is asked for, no global list has to be
emptied, and the file format alone chooses the renderer (Agg for PNG).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kanpipe.errors import NotKept
from kanpipe.files import atomic

COLUMN, FULL = 3.4, 7.0  # widths in inches of one column and of the page
SMALL, TEXT = 7.0, 8.0  # font sizes in points; nothing is smaller

# Told apart also without red or green, after Okabe and Ito's palette; networks have others (kanpipe.reporting.style).
DATA, GENERATED = "#0072B2", "#C8102E"
INK, MUTED, GROUND = "#222222", "#666666", "#F5F5F2"
CONTRAST = (INK, "#CC79A7")  # two things that are neither networks, nor data and samples

STYLE: dict[str, Any] = {
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "figure.titlesize": TEXT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # text that can be searched and edited
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and save in the house style, whatever the user's own matplotlibrc says."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)  # type: ignore[arg-type]  # its keys are a list of literals
        yield


def save(figure: Figure, stem: Path) -> None:
    """Write `stem`.png and `stem`.pdf, the same bytes for the same figure, and empty the figure."""
    with atomic(stem.with_name(f"{stem.name}.png")) as beside:
        figure.savefig(beside, dpi=160, metadata={"Software": None})
    with atomic(stem.with_name(f"{stem.name}.pdf")) as beside:
        figure.savefig(beside, dpi=320, metadata={"CreationDate": None})  # dpi of the rasterised point clouds
    figure.clear()


def draw(drawings: Mapping[str, Callable[[], Figure]], out: Path) -> None:
    """Draw figures by their names into the folder `out`, each as PNG and PDF, in the house style.

    Of runs whose files are not kept those figures are left out that need them.
    """
    with house_style():
        for name, drawing in drawings.items():
            try:
                save(drawing(), out / name)
            except NotKept:
                continue


NAMES = {  # families in names of variants
    "kan": "KAN",
    "mlp": "MLP",
    "vae": "VAE",
    "fastkan": "FastKAN",
    "fasterkan": "FasterKAN",
    "chebykan": "ChebyKAN",
    "fourierkan": "FourierKAN",
    "relukan": "ReLU-KAN",
    "waveletkan": "WaveletKAN",
    "rationalkan": "RationalKAN",
}


def label(variant: str) -> str:
    """The variant in words: `small_kan` is a small KAN, `mlp_as_kan` a KAN-sized MLP."""
    if "_as_" in variant:
        model, size = variant.split("_as_", 1)
        return f"{label(size).replace(' ', '-')}-sized {label(model)}"
    return " ".join(NAMES.get(word, word) for word in variant.split("_"))


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with bare axes over all of it; their coordinates are inches from the lower left corner."""
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def statement(words: str) -> Figure:
    """Takes the place of a figure that cannot be drawn."""
    figure, axes = canvas(FULL, 0.5)
    axes.text(0.1, 0.25, words, va="center")
    return figure


def tile(
    axes: Axes,
    corner: tuple[float, float],
    side: float,
    points: np.ndarray,
    half_width: float,
    colour: str,
    marker_size: float = 0.5,
) -> None:
    """A framed square of a canvas with the points (n, 2) that lie within ±half_width; "diverged" when n is 0.

    One canvas with tiles draws many times faster than as many axes.
    """
    (left, bottom) = corner
    axes.add_patch(Rectangle(corner, side, side, facecolor=GROUND, linewidth=0))
    if len(points) == 0:
        axes.text(left + side / 2, bottom + side / 2, "diverged", ha="center", va="center", color=MUTED, size=SMALL)
    inside = points[(np.abs(points) < half_width).all(axis=1)]
    place = np.array(corner) + side * (inside / half_width + 1) / 2
    axes.scatter(place[:, 0], place[:, 1], s=marker_size, c=colour, linewidths=0, rasterized=len(place) > 200)
