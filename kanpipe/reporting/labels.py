"""Words beside marks, where they cover no other mark."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from kanpipe.reporting.plots import INK, TEXT
from kanpipe.reporting.style import Style

WIDTH, HEIGHT = 0.54 * TEXT, 1.3 * TEXT  # of a letter and of a line, in points
MARK = 3.0  # points, half the size of a mark and of a line
PLACES = [(side * (10 + x), y) for x in (2, 14, 30) for y in (12, -12, 24, -24, 40, -40) for side in (1, -1)]
PLACES += [(side * (10 + x), y) for x in (2, 14, 30, 50) for y in (60, -60, 90, -90) for side in (1, -1)]


def label_marks(figure: Figure, axes: Axes, labels: Mapping[str, tuple[float, float]]) -> None:
    """Write each label beside the place (x, y) of its mark, joined by a line, in axes whose limits are final.

    Of `PLACES` the first is taken that covers, and whose line crosses, the fewest marks and labels, inside the axes, or
    least outside them.
    """
    figure.draw_without_rendering()  # so that the axes have their size
    scale = 72 / figure.dpi
    taken = scale * np.concatenate([axes.transData.transform(line.get_xydata()) for line in axes.lines])
    frame = scale * np.array(axes.bbox.get_points())
    for words, place in labels.items():
        at = scale * axes.transData.transform(place)
        boxes = [_box(at, offset, len(words)) for offset in PLACES]
        lines = [_crossed(at, at + offset, taken) for offset in PLACES]
        cost = [_covered(box, taken) + line + 10 * _outside(box, frame) for box, line in zip(boxes, lines, strict=True)]
        best = int(np.argmin(cost))
        _write(axes, words, place, PLACES[best])
        (left, low), (right, high) = boxes[best]
        taken = np.concatenate([taken, np.linspace((left, (low + high) / 2), (right, (low + high) / 2), 9)])


def _box(at: np.ndarray, offset: tuple[float, float], letters: int) -> np.ndarray:
    """Lower left and upper right corner of a label with a mark's width around it, in points."""
    near, width = at + offset, WIDTH * letters
    left = near[0] if offset[0] > 0 else near[0] - width
    return np.array([[left - 3, near[1] - HEIGHT], [left + width + 3, near[1] + HEIGHT]])


def _covered(box: np.ndarray, points: np.ndarray) -> int:
    return int(((points > box[0]) & (points < box[1])).all(axis=1).sum())


def _crossed(start: np.ndarray, end: np.ndarray, points: np.ndarray) -> int:
    """How many of the points, but for those at its start, lie under a line with a mark's width."""
    way, from_start = end - start, points - start
    along = np.clip(from_start @ way / (way @ way), 0, 1)[:, None]
    near = np.linalg.norm(from_start - along * way, axis=1) < MARK
    return int((near & (np.linalg.norm(from_start, axis=1) > MARK / 2)).sum())


def _outside(box: np.ndarray, frame: np.ndarray) -> float:
    """By how many points the box reaches out of the frame."""
    return float((frame[0] - box[0]).clip(0).sum() + (box[1] - frame[1]).clip(0).sum())


def _write(axes: Axes, words: str, place: tuple[float, float], offset: tuple[float, float]) -> None:
    line: Style = {"arrowstyle": "-", "linewidth": 0.5, "color": INK, "shrinkA": 0, "shrinkB": 2}
    style: Style = {"xytext": offset, "ha": "left" if offset[0] > 0 else "right", "va": "center", "zorder": 4}
    halo = [withStroke(linewidth=2, foreground="white")]
    label = axes.annotate(words, place, textcoords="offset points", arrowprops=line, path_effects=halo, **style)
    label.set_in_layout(False)  # one that reaches out of the axes would make them small
