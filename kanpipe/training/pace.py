"""How often the state of a job is saved: as often as is asked for, and so seldom that it hardly costs time."""

import time
from collections.abc import Callable

SHARE = 0.02  # the most that saving may take of the time of a sitting


class Pace:
    """Saves by `save` when it is due: `least` seconds after the last time, and when that keeps to the share.

    What saving takes is measured, and the next time is taken to cost as much as the last. Only the first, of which
    nothing is known, may exceed the share, until the sitting is long enough. With 0 seconds it is always due.
    """

    def __init__(self, save: Callable[[], None], least: float) -> None:
        self._save, self._least = save, least
        self._began = self._saved = time.monotonic()
        self.spent = self.last = 0.0  # seconds: of all saving, and of the last

    @property
    def due(self) -> bool:
        now = time.monotonic()
        if now - self._saved < self._least:
            return False
        return self._least == 0 or self.spent + self.last <= SHARE * (now - self._began)

    def save_if_due(self) -> None:
        """Save, where it is time to."""
        if self.due:
            started = time.monotonic()
            self._save()
            self._saved = time.monotonic()
            self.last = self._saved - started
            self.spent += self.last
