"""The exponents by which time and operations grow."""

import numpy as np
import pandas as pd


def exponents(growth: pd.DataFrame) -> pd.DataFrame:
    """A row for every network, axis and round: the slopes of log seconds and of log operations over log value."""
    groups = growth.groupby(["kind", "axis", "round"], sort=False)
    fits = [(*key, _slope(group, "seconds"), _slope(group, "operations")) for key, group in groups]
    return pd.DataFrame(fits, columns=["kind", "axis", "round", "exponent", "operations_exponent"])


def _slope(group: pd.DataFrame, column: str) -> float:
    return np.polyfit(np.log(group["value"]), np.log(group[column]), 1)[0]
