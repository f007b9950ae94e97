"""Logarithmic axes around what is drawn."""

import pytest
from matplotlib.figure import Figure

from kanpipe.reporting.log_axes import log_log, log_x


@pytest.mark.parametrize(("x", "y"), [([3], [7]), ([1, 5], [2, 2]), ([1, 1e6], [0.01, 30])])
def test_all_points_lie_within_the_limits(x, y):
    axes = Figure().add_subplot()
    axes.plot(x, y, "o")
    log_log(axes)
    for values, (low, high) in ((x, axes.get_xlim()), (y, axes.get_ylim())):
        assert 0 < low < min(values)
        assert max(values) < high


def test_a_bar_below_zero_does_not_stretch_the_axis():
    axes = Figure().add_subplot()
    axes.errorbar([1, 2], [3, 50], [10, 1])
    log_log(axes)
    assert axes.get_ylim()[0] > 1


def test_panels_together_have_the_limits_of_all():
    above, below = Figure().subplots(2, 1)
    above.plot([1, 2], [1, 1], "o")
    below.plot([50, 90], [1, 1], "o")
    log_x(above, below)
    assert above.get_xlim() == below.get_xlim()
    assert above.get_xlim()[0] < 1 and above.get_xlim()[1] > 90
