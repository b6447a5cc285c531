"""A circuit breaker: it stops asking what fails, and lets one probe through after a cool-down.

Written here because it is one of the things this service exists for: the libraries that were
tried let every waiting call through at once when the cool-down ended.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

BreakerState = Literal["closed", "open", "half_open"]

_WINDOW: Final = 20
_CALLS_MIN: Final = 5


class Breaker:
    """Closed (calls pass), open (none passes), half open (one probe is under way)."""

    def __init__(
        self, monotonic_ms: Callable[[], int], cooldown_ms: int, threshold: float = 0.5
    ) -> None:
        """Make a closed breaker.

        Args:
            monotonic_ms: a clock that never goes back, in ms.
            cooldown_ms: how long it stays open before a probe may pass.
            threshold: the share of failures among the last calls at which it opens.
        """
        self._monotonic_ms = monotonic_ms
        self._cooldown_ms = cooldown_ms
        self._threshold = threshold
        self._failed: deque[bool] = deque(maxlen=_WINDOW)
        self._opened_at = 0
        self.state: BreakerState = "closed"
        self.times_opened = 0

    def allow(self) -> bool:
        """Tell whether a call may be made now; in half open, only the one probe may."""
        if self.state == "closed":
            return True
        if self.state == "open" and self.retry_after_ms() == 0:
            self.state = "half_open"
            return True
        return False

    def retry_after_ms(self) -> int:
        """Return how long it is worth waiting before asking again; 0 when a call may pass."""
        if self.state == "closed":
            return 0
        left = self._opened_at + self._cooldown_ms - self._monotonic_ms()
        return max(0, left)

    def succeeded(self) -> None:
        """A call that was allowed succeeded; one that was allowed before it opened says nothing."""
        if self.state == "closed":
            self._failed.append(False)
        elif self.state == "half_open":
            self.state = "closed"
            self._failed.clear()

    def failed(self) -> None:
        """A call that was allowed failed."""
        if self.state == "open":
            return
        self._failed.append(True)
        enough = len(self._failed) >= _CALLS_MIN
        share = sum(self._failed) / len(self._failed)
        if self.state == "half_open" or (enough and share >= self._threshold):
            self.trip()

    def trip(self) -> None:
        """Open at once: what failed proves that calls cannot succeed."""
        self.state = "open"
        self._opened_at = self._monotonic_ms()
        self._failed.clear()
        self.times_opened += 1
