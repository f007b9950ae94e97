"""How far a job is: a bar on the terminal for one job at a time, plain lines in every job's log."""

import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

log = logging.getLogger("kanpipe")

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts steps; use as a context manager and call `advance`.

    The bar is drawn by the one job that holds the terminal. Lines with speed and time left go to the log.
    """

    def __init__(self, label: str, total: int, done: int = 0, unit: str = "step") -> None:
        self.label, self.total, self.done, self.unit = label, total, done, unit
        self.last = (done, time.monotonic())  # the step and the time of the last line
        self.note = ""  # stands behind the speed
        self.terminal = FileLock(Path(tempfile.gettempdir()) / f"kanpipe-terminal-{_terminal_name()}.lock")

    def __enter__(self) -> "Progress":
        drawn = sys.stderr.isatty() and self._take_terminal()
        self.bar = tqdm(
            total=self.total, initial=self.done, desc=self.label, unit=f" {self.unit}s", disable=not drawn, leave=False
        )
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.close()
        self.terminal.release()

    def _take_terminal(self) -> bool:
        try:
            self.terminal.acquire(timeout=0)
        except (Timeout, OSError):
            return False
        return True

    def advance(self) -> None:
        """One more step is done; a line goes to the log when one is due."""
        self.done += 1
        self.bar.update()
        if time.monotonic() - self.last[1] >= SECONDS_BETWEEN_LINES:
            log.info(self.describe())
            self.bar.set_postfix_str(self.note)
            self.last = (self.done, time.monotonic())

    def describe(self) -> str:
        """For example `swiss_roll/kan/seed0: step 400 of 8000, 52.1 steps/s, 146 s left`, at the speed of late."""
        done, since = self.last
        speed = (self.done - done) / max(time.monotonic() - since, 1e-9)
        left = (self.total - self.done) / max(speed, 1e-9)
        parts = [f"{self.unit} {self.done} of {self.total}", f"{speed:.1f} {self.unit}s/s", f"{left:.0f} s left"]
        return f"{self.label}: {', '.join([*parts, self.note] if self.note else parts)}"


def _terminal_name() -> str:
    try:
        return os.ttyname(sys.stderr.fileno()).strip("/").replace("/", "-")
    except (OSError, ValueError, AttributeError):
        return "none"
