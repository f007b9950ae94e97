"""Samples of the networks, and how they come out of noise."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kanpipe.experiments.cifar10_ddim.datasets import SIDE
from kanpipe.experiments.cifar10_ddim.words import FIDS, Names
from kanpipe.reporting.mosaics import GAP, mosaic, show
from kanpipe.reporting.panels import blank, panels, scores
from kanpipe.reporting.plots import FULL, statement
from kanpipe.reporting.variants import Variant, of_first_seeds

SHOWN, ACROSS = 64, 8  # images of a variant, and how many of them beside each other
NAMES, MARGIN, HEAD = 1.75, 0.1, 0.35  # inches: names of rows, around all, words above the strip
MISSING = "No network has finished its training and left samples"


@dataclass(frozen=True)
class Pictures:
    """Images (n, 32, 32) or (n, 32, 32, 3) of the main sampler, and the states of the first of them, as bytes."""

    images: np.ndarray
    states: np.ndarray


def pictures(variant: Variant) -> Pictures | None:
    """Those of the first finished run; None when there is none, or when it has left no samples."""
    if not variant.runs:
        return None
    run = variant.runs[0]
    found = run.samples()
    main = found[variant.rows.loc[variant.rows["seed"] == run.seed, "sampler"].iloc[0]]
    if not len(main) or not len(found["strip"]):
        return None
    return Pictures(_drawable(main[:SHOWN]), _drawable(found["strip"][0]))


def _drawable(images: np.ndarray) -> np.ndarray:
    """Images as they are drawn: grey ones without an axis of channels."""
    return images[..., 0] if images.shape[-1] == 1 else images


def samples(variants: list[Variant], drawn: dict[str, Pictures | None], names: Names, walk: str) -> Figure:
    """The first images of each variant, drawn by `walk`: an image has the same x_T in all panels."""
    if not any(drawn.values()):
        return statement(MISSING)
    figure, places = panels(len(variants), height=3.75, below=0, across=2)
    for axes, variant in zip(places, variants, strict=True):
        axes.set_title(f"{names.title(variant.name)}\n{_measured(variant)}")
        if found := drawn[variant.name]:
            show(axes, mosaic(found.images, ACROSS))
            axes.set_yticks([])
        else:
            _nothing(axes)
    first = next(found for found in drawn.values() if found)
    title = f"The first {len(first.images)} samples of each network: {_made(variants, names, walk)}"
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def denoising(variants: list[Variant], drawn: dict[str, Pictures | None], names: Names, walk: str) -> Figure:
    """A row a variant: evenly spaced states of one image from noise, the same in all rows, to what becomes of it."""
    strips = [found.states for found in drawn.values() if found]
    if not strips:
        return statement(MISSING)
    count = len(strips[0])
    nothing = np.full(strips[0].shape, np.nan)
    rows = [found.states if (found := drawn[variant.name]) else nothing for variant in variants]
    wide = FULL - NAMES - 2 * MARGIN
    high = wide * (len(rows) * (SIDE + GAP) - GAP) / (count * (SIDE + GAP) - GAP)
    whole = high + 2 * MARGIN + HEAD
    figure = Figure(figsize=(FULL, whole))
    axes = figure.add_axes(((NAMES + MARGIN) / FULL, MARGIN / whole, wide / FULL, high / whole))
    show(axes, mosaic(np.concatenate([images.astype(float) for images in rows]), count))
    axes.set_yticks(
        [(SIDE + GAP) * row + SIDE / 2 for row in range(len(rows))],
        [_row_name(names.title(v.name), drawn[v.name]) for v in variants],
    )
    ends = (SIDE / 2, (SIDE + GAP) * (count - 1) + SIDE / 2)
    axes.set_xticks(ends, ["noise", "sample"])
    axes.xaxis.tick_top()
    title = f"The first sample, at {count} evenly spaced of the sampler's times: {_made(variants, names, walk)}"
    figure.suptitle(title, x=MARGIN / FULL, y=1 - MARGIN / whole, ha="left", va="top")
    return figure


def _made(variants: list[Variant], names: Names, walk: str) -> str:
    """Which trainings they are of, after how many steps, and by which sampler."""
    steps = sorted({int(variant.rows["steps"].max()) for variant in variants if variant.runs})
    after = f"{' or '.join(f'{number:,}' for number in steps)} steps"
    return ", ".join(filter(None, [of_first_seeds(variants, names.title), after, walk]))


def _measured(variant: Variant) -> str:
    """Parameters, and the first of the distances that was measured."""
    found = [scores(variant, **{name: f"{words} {{:.3g}}"}) for name, words in FIDS.items()]
    first = next((words for words in found if words), "")
    return ", ".join(filter(None, [variant.size, first, scores(variant, isc="IS {:.2f}")]))


def _row_name(title: str, found: Pictures | None) -> str:
    return title.replace(" + ", "\n+ ") + ("" if found else "\ndiverged")


def _nothing(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    blank(axes, "diverged")
