"""Smoothed losses."""

import numpy as np
import pandas as pd
import pytest

from kanpipe.reporting.smoothing import DRAWN, smoothed, thinned, window_for


def test_smoothing_is_mean_and_quantiles_of_the_window_around():
    values = np.random.default_rng(0).exponential(size=60)
    around = [values[place - min(place, 5) : place + min(place, 5) + 1] for place in range(60)]
    curve = smoothed(pd.Series(values), window=11)
    assert np.allclose(curve["mean"], [part.mean() for part in around], rtol=1e-12)  # sums in another order
    assert np.allclose(curve["low"], [np.quantile(part, 0.05) for part in around], rtol=1e-12)
    assert np.allclose(curve["high"], [np.quantile(part, 0.95) for part in around], rtol=1e-12)


def test_a_steep_start_is_not_bent():
    """Of a line any mean of as many on either side lies on it; at the end fewer are taken, which are all flat there."""
    line = pd.Series([*np.linspace(100.0, 0.0, 20), *[0.0] * 5])
    assert np.allclose(smoothed(line, window=9)["mean"][:15], line[:15], rtol=1e-12)


@pytest.mark.parametrize(("updates", "window"), [(56_250, 100), (2_000, 100), (200, 10), (3, 1)])
def test_short_trainings_are_smoothed_less(updates, window):
    assert window_for(updates) == window


@pytest.mark.parametrize(
    ("length", "drawn"), [(3, 3), (0, 0), (DRAWN, DRAWN), (2 * DRAWN - 2, DRAWN - 1), (5 * DRAWN, DRAWN)]
)
def test_long_curves_are_thinned(length, drawn):
    found = thinned(pd.DataFrame({"mean": np.arange(length)}))
    assert len(found) == drawn
    assert list(found["mean"][:1]) == [0][:length]
