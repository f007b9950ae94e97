"""Where a claim's measurement lies against its bound, drawn alike for claims of any unit.

Half the width of a measurement's 95 % interval is the unit, the nearest bound of its claim the origin, and the side on
which the claim holds is right. So every interval is two units long, one that crosses the line decides nothing, and one
that lies right of it supports the claim.
"""

import math
from dataclasses import dataclass

REACH = 6.0  # units on either side of the line; what lies beyond is drawn at the edge, with an arrow
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


def mark(effect: float, low: float, high: float, bound_low: float, bound_high: float) -> Mark | None:
    """The mark of an effect and its interval; None where one is missing or has no width, or nothing bounds the claim.

    A missing bound is not a number: there the claim is open.
    """
    bounds = [bound for bound in (bound_low, bound_high) if math.isfinite(bound)]
    if not bounds or not all(map(math.isfinite, (effect, low, high))) or high <= low:
        return None
    bound = min(bounds, key=lambda bound: abs(effect - bound))
    inwards = 1 if bound == bound_low else -1
    ends = sorted(inwards * (value - bound) / ((high - low) / 2) for value in (low, high))
    centre = inwards * (effect - bound) / ((high - low) / 2)
    return Mark(_pixels(ends[0]), _pixels(centre), _pixels(ends[1]), ends[0] < -REACH, ends[1] > REACH)


def _pixels(units: float) -> float:
    return round(WIDTH / 2 + PIXELS * max(-REACH, min(REACH, units)), 1)
