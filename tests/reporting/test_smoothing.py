"""Smoothed losses."""

import numpy as np
import pandas as pd
import pytest

from kanpipe.reporting.smoothing import DRAWN, smoothed, thinned, window_for


def test_smoothing_is_mean_and_quantiles_of_the_window_around():
    values = np.random.default_rng(0).exponential(size=60)
    around = [values[max(0, place - 5) : place + 6] for place in range(60)]
    curve = smoothed(pd.Series(values), window=11)
    assert np.allclose(curve["mean"], [part.mean() for part in around], rtol=1e-12)  # sums in another order
    assert np.allclose(curve["low"], [np.quantile(part, 0.05) for part in around], rtol=1e-12)
    assert np.allclose(curve["high"], [np.quantile(part, 0.95) for part in around], rtol=1e-12)


@pytest.mark.parametrize(("updates", "window"), [(56_250, 100), (2_000, 100), (200, 10), (3, 1)])
def test_short_trainings_are_smoothed_less(updates, window):
    assert window_for(updates) == window


@pytest.mark.parametrize(("length", "drawn"), [(3, 3), (DRAWN, DRAWN), (5 * DRAWN, DRAWN)])
def test_long_curves_are_thinned(length, drawn):
    found = thinned(pd.DataFrame({"mean": np.arange(length)}))
    assert len(found) == drawn
    assert found.index[0] == 0
