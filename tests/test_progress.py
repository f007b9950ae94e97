"""How far a job is, in its log and on the terminal."""

import io
import logging
import re

import pytest

from kanpipe import progress
from kanpipe.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch, tmp_path):
    """Called in a test, it gives a standard error that is a terminal, with a lock of its own."""

    def on_terminal(locks=tmp_path):
        monkeypatch.setattr(progress.sys, "stderr", Terminal())
        monkeypatch.setattr(progress.tempfile, "tempdir", str(locks))
        return progress.sys.stderr

    return on_terminal


def lines(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "kanpipe"]


def test_lines_in_the_log_have_speed_and_time_left(clock, caplog):
    caplog.set_level(logging.INFO)
    with Progress("swiss_roll/kan/seed0", 100) as steps:
        for _ in range(50):
            clock.now += 0.5
            steps.advance()
    assert lines(caplog)[:2] == [
        "swiss_roll/kan/seed0: step 20 of 100, 2.0 steps/s, 40 s left",
        "swiss_roll/kan/seed0: step 40 of 100, 2.0 steps/s, 30 s left",
    ]


def test_there_is_at_most_one_line_in_ten_seconds(clock, caplog):
    caplog.set_level(logging.INFO)
    with Progress("run", 1000) as steps:
        for _ in range(999):
            clock.now += 0.1
            steps.advance()
    assert len(lines(caplog)) == 9


def test_resumed_job_counts_from_where_it_was_and_times_what_it_does_now(clock, caplog):
    caplog.set_level(logging.INFO)
    with Progress("run", 500, done=400) as steps:
        for _ in range(10):
            clock.now += 1
            steps.advance()
    assert lines(caplog) == ["run: step 410 of 500, 1.0 steps/s, 90 s left"]


def test_note_and_unit_are_said(clock):
    with Progress("sampling", 8, unit="run") as runs:
        runs.note = "loss 0.29"
        clock.now += 4
        runs.advance()
        assert runs.describe() == "sampling: run 1 of 8, 0.2 runs/s, 28 s left, loss 0.29"


def test_line_can_be_made_before_any_time_has_passed(clock):
    with Progress("run", 8) as steps:
        assert re.fullmatch(r"run: step 0 of 8, 0\.0 steps/s, \d+ s left", steps.describe())


def test_no_bar_is_drawn_where_there_is_no_terminal(capsys):
    with Progress("run", 3) as steps:
        steps.advance()
    assert capsys.readouterr() == ("", "")


def test_bar_is_drawn_on_a_terminal(terminal):
    screen = terminal()
    with Progress("a run", 3) as steps:
        steps.advance()
    assert "a run" in screen.getvalue()


def test_one_job_at_a_time_draws_on_the_terminal(terminal):
    terminal()
    with Progress("first", 3) as first, Progress("second", 3) as second:
        assert (first.bar.disable, second.bar.disable) == (False, True)
    with Progress("third", 3) as third:
        assert not third.bar.disable


def test_unusable_lock_means_no_bar_and_no_fault(terminal, tmp_path):
    (tmp_path / "file").write_text("")
    terminal(locks=tmp_path / "file")
    with Progress("run", 3) as steps:
        assert steps.bar.disable
