"""The exponents by which the time of a training step grows."""

import numpy as np
import pandas as pd


def exponents(times: pd.DataFrame) -> pd.DataFrame:
    """A row for every network, axis and round: the slope of log seconds over log value, fitted to the round."""
    groups = times.groupby(["kind", "axis", "round"], sort=False)
    fits = [(*key, np.polyfit(np.log(group["value"]), np.log(group["seconds"]), 1)[0]) for key, group in groups]
    return pd.DataFrame(fits, columns=["kind", "axis", "round", "exponent"])
