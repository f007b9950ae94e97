"""What a job asks for: what its rule says, as far as the preset needs it, and more at another attempt."""

import pytest

from kanpipe.demands import Demands


def asked(demand):
    """What is asked for at the first three attempts."""
    return [demand(None, attempt) for attempt in (1, 2, 3)]


def test_without_limits_the_rule_counts():
    assert asked(Demands().memory(3000)) == [3000, 6000, 9000]
    assert asked(Demands().time(60)) == [60, 120, 180]


def test_small_preset_lowers_the_first_attempt_alone():
    assert asked(Demands(mem_mb=1000).memory(3000)) == [1000, 2000, 3000]
    assert asked(Demands(minutes=20).time(60)) == [20, 40, 60]


def test_limit_raises_nothing():
    assert asked(Demands(mem_mb=4000, minutes=90).memory(3000))[0] == 3000
    assert asked(Demands(mem_mb=4000, minutes=90).time(60))[0] == 60


@pytest.mark.parametrize("minutes", [None, 30])
def test_job_that_resumes_needs_no_more_time(minutes):
    assert len(set(asked(Demands(minutes=minutes).time(120, resumes=True)))) == 1
