"""The end of the process, which comes in time whatever hangs.

What is acknowledged is on disk, so nothing depends on the last steps: they only make the next
start shorter. A disk that hangs may not keep a supervisor waiting until it kills.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress


class Ending:
    """Counts what the process was told: once is to end in good order, twice is to hurry."""

    def __init__(
        self,
        bound_s: float,
        before_exit: Callable[[], None],
        leave: Callable[[int], None] = os._exit,
    ) -> None:
        """Wait to be told.

        Args:
            bound_s: how long an end in good order may take from the first word.
            before_exit: is called, in a thread of its own, when that was too short.
            leave: ends the process with an exit code, whatever its threads are at.
        """
        self._bound_s = bound_s
        self._before_exit = before_exit
        self._leave = leave
        self._last_resort: threading.Timer | None = None
        self.hurries = False

    @property
    def has_begun(self) -> bool:
        """Whether the process was told to end."""
        return self._last_resort is not None

    def told(self) -> None:
        """The process was told to end, for the first time or again."""
        if self._last_resort is not None:
            self.hurries = True
            return
        self._last_resort = threading.Timer(self._bound_s, self._end_now)
        # What hangs, hangs in a thread; neither that nor this one may keep the process.
        self._last_resort.daemon = True
        self._last_resort.start()

    def _end_now(self) -> None:
        # Whatever is wrong with the log, the process has to end.
        with suppress(Exception):
            self._before_exit()
        # As told, and nothing is lost: this is no failure.
        self._leave(0)
