"""Losses of batches, smoothed over the updates around."""

import pandas as pd

WINDOW = 100  # updates
DRAWN = 1000  # points of a curve at most: more cannot be told apart


def window_for(updates: int) -> int:
    """Updates to average over: a hundred, or a twentieth of a short training."""
    return max(1, min(WINDOW, updates // 20))


def smoothed(values: pd.Series, window: int) -> pd.DataFrame:
    """Mean, 5 % and 95 % quantile of the `window` values around each; of those there are at the ends."""
    around = values.rolling(window, center=True, min_periods=1)
    return pd.DataFrame({"mean": around.mean(), "low": around.quantile(0.05), "high": around.quantile(0.95)})


def thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """At most `DRAWN` of the rows, or almost, evenly."""
    return curve.iloc[:: max(1, len(curve) // DRAWN)]
