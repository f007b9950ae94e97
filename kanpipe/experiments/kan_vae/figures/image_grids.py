"""Images in rows: what the models make of inputs, and what they make of noise."""

from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpipe.experiments.kan_vae.words import heading, title
from kanpipe.reporting.mosaics import GAP, mosaic, show
from kanpipe.reporting.panels import blank, scores
from kanpipe.reporting.plots import FULL
from kanpipe.reporting.variants import Variant, of_first_seeds

SIDE = 28  # pixels
PITCH = SIDE + GAP
STRIP = 16  # images beside each other in a strip
TILE, MARGIN, HEAD = 0.375, 0.1, 0.2  # inches
NAME = 15  # letters of a line of a row's name
BLOCK, SHOWN = 8, 32  # images beside each other in a block, and in all of it


def posterior_samples(variants: list[Variant]) -> Figure:
    """Inputs, and below each what the models decode from one draw of its posterior (Figure 8)."""
    inputs = _inputs(variants)
    rows = [inputs, *(_samples(variant, "posterior", len(inputs)) for variant in variants)]
    bands = [slice(start, start + STRIP) for start in range(0, len(inputs), STRIP)]
    names, high = ["inputs", *map(_row_name, variants)], len(rows) * TILE
    whole = len(bands) * (high + MARGIN) + MARGIN + HEAD
    figure = Figure(figsize=(FULL, whole))
    for place, band in enumerate(bands):
        left, bottom = FULL - STRIP * TILE - MARGIN, whole - HEAD - (place + 1) * (high + MARGIN)
        axes = figure.add_axes((left / FULL, bottom / whole, STRIP * TILE / FULL, high / whole))
        show(axes, _grid(np.concatenate([_filled(images[band]) for images in rows]), STRIP))
        axes.set_yticks([PITCH * row + SIDE / 2 for row in range(len(rows))], names)
        names = [
            "inputs",
            *(fill(title(variant.name), NAME) for variant in variants),
        ]  # the numbers are of all test images: once is enough
    words = f"The first {len(inputs)} test images and one draw of each posterior, {of_first_seeds(variants, title)}"
    figure.text(MARGIN / FULL, 1 - MARGIN / whole, words, va="top")
    return figure


def prior_samples(variants: list[Variant]) -> Figure:
    """What the models decode from draws of N(0, I), beside real images (Figure 9)."""
    lines = -(-(1 + len(variants)) // 2)
    figure = Figure(figsize=(FULL, lines * 2.1 + HEAD), layout="constrained")
    words = (
        f"The first {SHOWN} draws of the first sampling seed, probabilities in grey, {of_first_seeds(variants, title)}"
    )
    figure.suptitle(words, x=0.01, ha="left")
    blocks = figure.subplots(lines, 2, squeeze=False).flat
    for axes in blocks:
        axes.axis("off")
    _block(blocks[0], _inputs(variants)[:SHOWN], "Real test images, binarised\n")
    for axes, variant in zip(blocks[1:], variants, strict=False):
        judged = scores(
            variant, judge_confidence="a classifier's confidence {:.2f}", judge_entropy="entropy {:.2f} nats"
        )
        _block(axes, _samples(variant, "prior", SHOWN), f"{heading(variant)}\n{judged}")
        if not variant.runs:
            blank(axes, "diverged")
    return figure


def _inputs(variants: list[Variant]) -> np.ndarray:
    """The same for all that were sampled."""
    return next(variant.runs[0].samples()["inputs"] for variant in variants if variant.runs)


def _samples(variant: Variant, kind: str, count: int) -> np.ndarray:
    """The first run's images of a kind; for priors those of the first sampling seed; NaN when every run diverged."""
    if not variant.runs:
        return np.full((count, SIDE**2), np.nan)
    found = variant.runs[0].samples()[kind]
    return (found[0] if kind == "prior" else found)[:count]


def _filled(images: np.ndarray) -> np.ndarray:
    """A whole row of a strip, the missing images NaN."""
    return np.pad(images.astype(float), ((0, STRIP - len(images)), (0, 0)), constant_values=np.nan)


def _row_name(variant: Variant) -> str:
    """The model and the number behind its row."""
    measured = scores(variant, reconstruction="error {:.1f} nats") if variant.runs else "diverged"
    return f"{fill(title(variant.name), NAME)}\n{measured}"


def _block(axes: Axes, images: np.ndarray, name: str) -> None:
    show(axes, _grid(images, BLOCK))
    axes.set_title(name)


def _grid(images: np.ndarray, columns: int) -> np.ndarray:
    return mosaic(images.reshape(-1, SIDE, SIDE), columns)
