"""A Kolmogorov-Arnold network of two layers, drawn as a network with the learned function on every edge."""

import textwrap
from dataclasses import dataclass

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from kanpipe.reporting.plots import FULL, INK, MUTED, SMALL, canvas

# All lengths are inches.
PANEL_WIDTH, PANEL_HEIGHT, PITCH, ROW = 0.43, 0.4, 0.495, 0.46  # a function, and the distances between functions
LEFT, BOTTOM, FAN, NODE_ROOM = 0.97, 1.76, 0.85, 0.25  # room for the labels, caption and lines; beside a node
LANE = 0.12  # between the lines that pass behind a column of functions
COLOURS = ("#7B3FA0", "#2E86C1", "#6B6B6B")
EDGE, SHADE = "#B8B8B8", "#F0F0EA"
UNITS = 12  # hidden units shown


@dataclass(frozen=True)
class Functions:
    """The functions of one layer, each sampled over the range that its input takes on data.

    x   (in, points)       where they are sampled
    y   (out, in, points)  their values, less the mean over data: a constant only shifts the sum
    sd  (out, in)          the standard deviation of the values over data
    """

    x: np.ndarray
    y: np.ndarray
    sd: np.ndarray

    @property
    def height(self) -> float:
        """Half the common vertical scale: all but the steepest ends fit."""
        return float(np.quantile(np.abs(self.y).max(axis=-1), 0.97))


@dataclass(frozen=True)
class Network:
    """Two layers of functions, the names of their ends, and the range that the knots cover."""

    first: Functions
    second: Functions
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    grid_range: tuple[float, float]

    @property
    def shares(self) -> np.ndarray:
        """(hidden,): what a unit's functions contribute to the variance of the outputs, of the sum over units."""
        variance = (self.second.sd**2).sum(axis=0)
        return variance / variance.sum()

    @property
    def shown(self) -> np.ndarray:
        """The units with the largest shares, largest first."""
        return np.argsort(-self.shares, kind="stable")[:UNITS]

    def strengths(self) -> tuple[np.ndarray, np.ndarray]:
        """The weight of every line, at most 1: (hidden, in) and (out, hidden)."""
        into = self.first.sd / np.linalg.norm(self.first.sd, axis=1, keepdims=True)
        into = into * np.sqrt(self.shares)[:, None]
        return into / into.max(), self.second.sd / self.second.sd.max()


class Diagram:
    """The drawing of a network: inputs below, hidden units in columns, outputs above."""

    def __init__(self, network: Network) -> None:
        self.network = network
        n_in, n_out = len(network.inputs), len(network.outputs)
        self.node_y = BOTTOM + n_in * ROW + NODE_ROOM
        self.second_y = self.node_y + NODE_ROOM
        self.top = self.second_y + n_out * ROW
        self.figure, self.axes = canvas(FULL, self.top + FAN + 0.5)

    def draw(self, title: str) -> Figure:
        """The whole figure."""
        into, out = self.network.strengths()
        for column, unit in enumerate(self.network.shown):
            self._lines_in(column, into[unit])
            self._lines_out(column, out[:, unit])
            self._functions(column, unit)
            self._unit(column, self.network.shares[unit])
        self._ends()
        self._row_labels()
        self._words(title)
        return self.figure

    def _functions(self, column: int, unit: int) -> None:
        """All functions of one hidden unit, on top of its lines."""
        first, second = self.network.first, self.network.second
        n_in, n_out = len(self.network.inputs), len(self.network.outputs)
        for i in range(n_in):
            corner = self._corner(column, i, BOTTOM, n_in)
            self._panel(corner, first.x[i], first.y[unit, i] / first.height, COLOURS[i])
        for o in range(n_out):
            corner = self._corner(column, o, self.second_y, n_out)
            self._panel(corner, second.x[unit], second.y[o, unit] / second.height, COLOURS[o])

    def _centre(self, column: int) -> float:
        return LEFT + column * PITCH + PANEL_WIDTH / 2

    def _corner(self, column: int, row: int, base: float, rows: int) -> tuple[float, float]:
        """Lower left corner of a panel; row 0 is the uppermost."""
        return LEFT + column * PITCH, base + (rows - 1 - row) * ROW + (ROW - PANEL_HEIGHT) / 2

    def _ends_x(self, count: int) -> np.ndarray:
        """Where the input or output nodes stand: spread about the middle of the columns."""
        middle = (self._centre(0) + self._centre(len(self.network.shown) - 1)) / 2
        return middle + 1.5 * (np.arange(count) - (count - 1) / 2)

    def _lines_in(self, column: int, strength: np.ndarray) -> None:
        """From every input node to the column, behind its functions, into the hidden unit."""
        centre, stack_top = self._centre(column), BOTTOM + len(strength) * ROW
        for i, start in enumerate(self._ends_x(len(strength))):
            lane = centre + LANE * (i - (len(strength) - 1) / 2)
            path = [(start, BOTTOM - FAN), (lane, BOTTOM), (lane, stack_top), (centre, self.node_y)]
            self._line(path, strength[i], COLOURS[i])

    def _lines_out(self, column: int, strength: np.ndarray) -> None:
        """From the hidden unit, behind the column's functions, to every output node."""
        centre = self._centre(column)
        for o, end in enumerate(self._ends_x(len(strength))):
            lane = centre + LANE * (o - (len(strength) - 1) / 2)
            path = [(centre, self.node_y), (lane, self.second_y), (lane, self.top), (end, self.top + FAN)]
            self._line(path, strength[o], COLOURS[o])

    def _line(self, path: list[tuple[float, float]], strength: float, colour: str) -> None:
        style = {"linewidths": 0.4 + 2.2 * strength, "alpha": 0.2 + 0.65 * strength}
        self.axes.add_collection(LineCollection([path], colors=colour, capstyle="round", joinstyle="round", **style))

    def _panel(self, corner: tuple[float, float], x: np.ndarray, y: np.ndarray, colour: str) -> None:
        """One function; `y` is in units of the common scale, the shade marks the range of the knots."""
        (left, bottom), scale = corner, PANEL_WIDTH / (x[-1] - x[0])
        frame = Rectangle(corner, PANEL_WIDTH, PANEL_HEIGHT, facecolor="white", edgecolor=EDGE, lw=0.5, zorder=2)
        low, high = np.clip(self.network.grid_range, x[0], x[-1])
        shade = (left + scale * (low - x[0]), bottom), scale * (high - low), PANEL_HEIGHT
        self.axes.add_patch(frame)
        self.axes.add_patch(Rectangle(*shade, facecolor=SHADE, linewidth=0, zorder=2.1))
        height = bottom + PANEL_HEIGHT * (1 + 0.9 * y) / 2
        (line,) = self.axes.plot(left + scale * (x - x[0]), height, color=colour, zorder=3)
        line.set_clip_path(frame)

    def _unit(self, column: int, share: float) -> None:
        centre = self._centre(column)
        self._node(centre, self.node_y, INK, radius=0.06)
        self.axes.text(centre + 0.1, self.node_y, f"{share:.0%}", va="center", size=SMALL)

    def _node(self, x: float, y: float, colour: str, radius: float) -> None:
        self.axes.add_patch(Circle((x, y), radius, facecolor=colour, edgecolor="white", linewidth=0.8, zorder=4))

    def _ends(self) -> None:
        """The input nodes below and the output nodes above, with their names."""
        net = self.network
        for x, name, colour in zip(self._ends_x(len(net.inputs)), net.inputs, COLOURS, strict=False):
            self._node(x, BOTTOM - FAN, colour, radius=0.085)
            self.axes.text(x, BOTTOM - FAN - 0.13, name, color=colour, ha="center", va="top")
        for x, name, colour in zip(self._ends_x(len(net.outputs)), net.outputs, COLOURS, strict=False):
            self._node(x, self.top + FAN, colour, radius=0.085)
            self.axes.text(x, self.top + FAN + 0.12, name, color=colour, ha="center", va="bottom")

    def _row_labels(self) -> None:
        net = self.network
        for i, name in enumerate(net.inputs):
            ends = f"{_number(net.first.x[i, 0])} to {_number(net.first.x[i, -1])}"
            self._row_label(f"from {name}", ends, COLOURS[i], self._corner(0, i, BOTTOM, len(net.inputs)))
        self.axes.text(LEFT - 0.1, self.node_y, "hidden units", ha="right", va="center")
        for o, name in enumerate(net.outputs):
            corner = self._corner(0, o, self.second_y, len(net.outputs))
            self._row_label(f"to {name}", "own range", COLOURS[o], corner)

    def _row_label(self, name: str, ends: str, colour: str, corner: tuple[float, float]) -> None:
        x, middle = LEFT - 0.1, corner[1] + PANEL_HEIGHT / 2
        self.axes.text(x, middle + 0.01, name, color=colour, ha="right", va="bottom")
        self.axes.text(x, middle - 0.02, ends, color=MUTED, ha="right", va="top", size=SMALL)

    def _words(self, title: str) -> None:
        net = self.network
        hidden, rest = len(net.shares), 1 - net.shares[net.shown].sum()
        low, high = map(_number, net.grid_range)
        others = f"; the other {hidden - len(net.shown)} carry {rest:.0%} together" if hidden > len(net.shown) else ""
        words = (
            f"Per cent: a unit's share of the variance that the {hidden} units add to the outputs{others}. "
            "A wider line carries more. Functions are drawn over the 1st to 99th percentile of their input on noisy "
            "data, less their mean, on one scale a layer: half a panel's height is "
            f"{net.first.height:.2g} below and {net.second.height:.2g} above the hidden units. "
            f"Shaded: the range of the grid, {low} to {high}."
        )
        caption = "\n".join(textwrap.wrap(words, 128))
        self.axes.text(0.1, 0.1, caption, va="bottom", color=MUTED, size=SMALL, linespacing=1.4)
        self.axes.text(0.1, self.top + FAN + 0.4, title, va="center")


def _number(value: float) -> str:
    """One decimal at most, with a true minus sign."""
    return f"{round(float(value), 1) + 0.0:g}".replace("-", "−")
