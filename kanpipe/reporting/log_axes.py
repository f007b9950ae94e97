"""Logarithmic axes with ticks that can be read."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter


def log_log(axes: Axes) -> None:
    """Make both axes logarithmic, around all that is drawn, also where that is a single point."""
    log_x(axes)
    log_y(axes)


def log_x(*panels: Axes) -> None:
    """Make the horizontal axis of all panels logarithmic, around all that is drawn on any of them."""
    ends = [end for axes in panels for end in _limits(axes.dataLim.intervalx, axes.dataLim.minposx)]
    for axes in panels:
        axes.set_xscale("log")
        axes.set_xlim(min(ends), max(ends))
        _ticks(axes.xaxis)


def log_y(axes: Axes) -> None:
    """Make the vertical axis logarithmic, around all that is drawn."""
    axes.set_yscale("log")
    axes.set_ylim(_limits(axes.dataLim.intervaly, axes.dataLim.minposy))
    _ticks(axes.yaxis)


def _limits(ends: np.ndarray, least_positive: float) -> tuple[float, float]:
    low, high = map(float, ends)
    low = max(low, least_positive)  # a bar may reach below 0
    pad = max((high / low) ** 0.08, 1.2)
    return low / pad, high * pad


def _ticks(axis: Axis) -> None:
    """Numbers at 1, 2 and 5, at powers of ten alone where there are many of these, and at more where there are few."""
    low, high = axis.get_view_interval()
    subs = (1, 1.5, 2, 3, 4, 6, 8) if high < 6 * low else (1, 2, 5) if high < 300 * low else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=20))
    axis.set_minor_formatter(NullFormatter())
