"""Losses of batches, smoothed over the updates around."""

import pandas as pd

WINDOW = 100  # updates
DRAWN = 1000  # points of a curve at most: more cannot be told apart


def window_for(updates: int) -> int:
    """Updates to average over: a hundred, or a twentieth of a short training."""
    return max(1, min(WINDOW, updates // 20))


def smoothed(values: pd.Series, window: int) -> pd.DataFrame:
    """Mean, 5 % and 95 % quantile of the `window` values around each, or of those there are at the end.

    At the start of as many on either side: where a loss falls steeply more on one side would bend the curve.
    """
    around = values.rolling(window, center=True, min_periods=1)
    curve = pd.DataFrame({"mean": around.mean(), "low": around.quantile(0.05), "high": around.quantile(0.95)})
    for place in range(min(window // 2, (len(values) + 1) // 2)):
        part = values.iloc[: 2 * place + 1]
        curve.iloc[place] = part.mean(), part.quantile(0.05), part.quantile(0.95)
    return curve


def thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """At most `DRAWN` of the rows, evenly."""
    return curve.iloc[:: -(-len(curve) // DRAWN)] if len(curve) else curve
