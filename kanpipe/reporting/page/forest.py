"""Where a claim's measurement lies against its bound, drawn alike for claims of any unit.

The bound of the claim to which the interval leaves least is the line, and the side on which the claim holds is right.
So an interval that crosses the line decides nothing, and one that lies right of it supports the claim. How far from
the line is what a claim makes large: of a ratio the logarithm, of a claim with a margin so many margins. Where there is
none the interval's own far end sets the scale, so that it is long where the measurement is vague.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

REACH = 6.0  # units on either side of the line; what lies beyond is drawn at the edge, with an arrow
RATIO = 8.0  # at the edge: so many times the bound of a ratio, or a part of it
OWN = 4.5  # units to the far end of an interval that has no other scale
WIDTH, HEIGHT = 216, 18  # of the drawing, in pixels
PIXELS = WIDTH / (2 * REACH)


@dataclass(frozen=True)
class Mark:
    """Pixels from the left edge, and whether the interval goes on beyond an edge."""

    low: float
    effect: float
    high: float
    beyond_left: bool
    beyond_right: bool

    line: float = WIDTH / 2
    middle: float = HEIGHT / 2


def mark(
    effect: float, low: float, high: float, bound_low: float, bound_high: float, is_ratio: bool = False
) -> Mark | None:
    """The mark of an effect and its interval; None where one is missing or has no width, or nothing bounds the claim.

    A missing bound is not a number: there the claim is open.
    """
    bounds = [bound for bound in (bound_low, bound_high) if math.isfinite(bound)]
    if not bounds or not all(map(math.isfinite, (effect, low, high))) or high <= low:
        return None
    in_logs = is_ratio and min(low, *bounds) > 0
    bound = _nearest(bounds, low, high, bound_low, math.log if in_logs else float)
    inwards = 1 if bound == bound_low else -1
    if in_logs:
        distances = [math.log(value / bound) for value in (low, effect, high)]
        unit = math.log(RATIO) / REACH
    else:
        distances = [value - bound for value in (low, effect, high)]
        unit = _margin(bounds) or max(map(abs, distances)) / OWN
    first, centre, last = sorted(inwards * distance / unit for distance in distances)
    return Mark(_pixels(first), _pixels(centre), _pixels(last), first < -REACH, last > REACH)


def _nearest(bounds: list[float], low: float, high: float, bound_low: float, scale: Callable[[float], float]) -> float:
    """The bound to which the interval leaves least, or beyond which it goes furthest."""
    return min(bounds, key=lambda b: scale(low) - scale(b) if b == bound_low else scale(b) - scale(high))


def _margin(bounds: list[float]) -> float:
    """Half the way between two bounds, or how far a single one lies from 0: nothing where it is 0."""
    return (max(bounds) - min(bounds)) / 2 if len(bounds) > 1 else abs(bounds[0])


def _pixels(units: float) -> float:
    return round(WIDTH / 2 + PIXELS * max(-REACH, min(REACH, units)), 1)
