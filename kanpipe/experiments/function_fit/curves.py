"""Two lessons in curves: what pieces of low degree can do together, and that a control point acts in its place only."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.interpolate import BPoly, BSpline
from sklearn.linear_model import LogisticRegression

from kanpipe.experiments.function_fit.config import Locality, WarmUp

Terms = Callable[[np.ndarray], np.ndarray]

# The blog's three boundaries, and the spline that the middle one of them is: of degree 2, with pieces.
BOUNDARIES: dict[str, Terms] = {
    "one parabola": lambda x: np.stack([x**2], axis=1),
    "one cubic": lambda x: np.stack([x**3], axis=1),
    "two half-parabolas": lambda x: np.stack([np.minimum(x, 0) ** 2, np.maximum(x, 0) ** 2], axis=1),
    "B-spline, $k=2$, $G=2$": lambda x: BSpline.design_matrix(x, np.arange(-3, 4.0), 2).toarray()[:, 1:],
}
POSITIONS = np.linspace(-1, 1, 401)


def labelled_points(settings: WarmUp, sample: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x (points,), y (points,) and whether y lies above x^3, never nearer to it than `gap`: an S-shaped boundary."""
    points, draw = settings.points, np.random.default_rng(settings.seed + sample)
    x, y = draw.uniform(-1, 1, (2, 60 * points))
    clear = np.abs(y - x**3) >= settings.gap
    x, y = x[clear][:points], y[clear][:points]
    return x, y, y > x**3


def warm_up(settings: WarmUp) -> pd.DataFrame:
    """For every kind of boundary y = f(x): the share of points on their side of it, and where it runs.

    f is what logistic regression, all but free of a penalty, makes of the terms; columns `accuracy`, `x`, `f`. The
    points are those of the first sample.
    """
    frames = []
    for name, terms in BOUNDARIES.items():
        model, accuracy = _fitted(terms, *labelled_points(settings))
        slope, weights = model.coef_[0, 0], model.coef_[0, 1:]
        boundary = -(terms(POSITIONS) @ weights + model.intercept_[0]) / slope
        frames.append(pd.DataFrame({"boundary": name, "accuracy": accuracy, "x": POSITIONS, "f": boundary}))
    return pd.concat(frames, ignore_index=True)


def separations(settings: WarmUp) -> pd.DataFrame:
    """The share of points on their side of every kind of boundary, for every sample of points to which it is fitted."""
    rows = [
        {"boundary": name, "sample": sample, "accuracy": _fitted(terms, *labelled_points(settings, sample))[1]}
        for name, terms in BOUNDARIES.items()
        for sample in range(settings.samples)
    ]
    return pd.DataFrame(rows)


def _fitted(terms: Terms, x: np.ndarray, y: np.ndarray, above: np.ndarray) -> tuple[LogisticRegression, float]:
    features = np.column_stack([y, terms(x)])
    model = LogisticRegression(C=1e4, max_iter=10_000).fit(features, above)
    return model, float(model.score(features, above))


def locality(settings: Locality) -> pd.DataFrame:
    """A cubic B-spline and the Bezier curve of the same control points, before and after one of them moves.

    Columns `curve`, `x`, `before`, `after`; the control points stand in rows of their own, `curve` "spline points" or
    "bezier points".
    """
    grid_size, moved = settings.grid_size, settings.control_point
    k, n = 3, grid_size + 3
    heights = np.random.default_rng(settings.seed).uniform(-1, 1, n)
    changed = heights + np.where(np.arange(n) == moved, 1.5, 0)
    knots = np.arange(-k, grid_size + k + 1) / grid_size
    x = np.linspace(0, 1, 801)
    places = {"spline": (np.arange(n) - (k - 1) / 2) / grid_size, "bezier": np.arange(n) / (n - 1)}
    curves = {
        "spline": [BSpline(knots, c, k)(x) for c in (heights, changed)],
        "bezier": [BPoly(c[:, None], [0, 1])(x) for c in (heights, changed)],
    }
    rows = [{"curve": name, "x": x, "before": pair[0], "after": pair[1]} for name, pair in curves.items()]
    rows += [{"curve": f"{n} points", "x": p, "before": heights, "after": changed} for n, p in places.items()]
    return pd.concat([pd.DataFrame(row) for row in rows], ignore_index=True)


def changed_share(curve: pd.DataFrame, tolerance: float = 1e-12) -> float:
    """The share of the curve that has moved."""
    return float(((curve["after"] - curve["before"]).abs() > tolerance).mean())
