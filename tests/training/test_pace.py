"""Saving takes at most its share of the time, whatever it costs."""

from types import SimpleNamespace

import pytest

from kanpipe.training import pace
from kanpipe.training.pace import SHARE, Pace


class Clock:
    """A time that passes when somebody works."""

    now = 0.0

    def work(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def sitting(clock, cost, least, seconds, block=1.0):
    """The times at which a sitting of so many seconds has saved."""
    saved = []

    def save():
        clock.work(cost(len(saved)) if callable(cost) else cost)
        saved.append(clock.now)

    rhythm = Pace(save, least)
    while clock.now < seconds:
        clock.work(block)
        rhythm.save_if_due()
    return saved, rhythm


@pytest.mark.parametrize("cost", [0.0, 0.5, 1.1])
def test_cheap_saving_has_the_least_time_between_two(clock, cost):
    saved, _ = sitting(clock, cost, least=60, seconds=6000)
    assert len(saved) == pytest.approx(6000 / (60 + cost), rel=0.05)


@pytest.mark.parametrize("cost", [3, 10, 40, lambda count: 1 + count], ids=["3", "10", "40", "growing"])
def test_saving_takes_no_more_than_its_share(clock, cost):
    saved, rhythm = sitting(clock, cost, least=60, seconds=20_000)
    assert SHARE / 2 < rhythm.spent / clock.now <= SHARE + 1e-9
    assert saved[0] < 60 + 41 + 1  # what a first state costs is found out as soon as one is asked for


def test_share_holds_at_every_moment_after_the_first_has_paid_off(clock):
    spent = 0
    rhythm = Pace(lambda: clock.work(5), 60)
    for _ in range(10_000):
        clock.work(1)
        rhythm.save_if_due()
        if rhythm.spent > spent and spent:
            assert rhythm.spent <= SHARE * clock.now + SHARE * 5
        spent = rhythm.spent


def test_with_no_time_between_two_it_is_always_due(clock):
    saved, _ = sitting(clock, cost=10, least=0, seconds=1000)
    assert len(saved) == 91
