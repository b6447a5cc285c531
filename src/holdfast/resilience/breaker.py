"""A circuit breaker: it stops asking what fails, and lets one probe through after a cool-down.

Written here because it is one of the things this service exists for: the libraries that were
tried let every waiting call through at once when the cool-down ended.

It opens at the first failure, not at a share of many. A journal that failed once must not be
written before a probe, and a remote is asked through retries, so that what fails here has failed
several times already.

    closed ── failed ──▶ open ── allow, after the cool-down ──▶ half open ── succeeded ──▶ closed
                          ▲                                         │
                          └──────────────── failed ─────────────────┘

There is no other way from state to state. A call is known by its ticket, so what one from before
the last transition says later changes nothing.
"""

from collections.abc import Callable
from typing import Literal

BreakerState = Literal["closed", "open", "half_open"]
#: Given for a call that may be made; it is worth something until the next transition.
Ticket = int


class Breaker:
    """Closed (calls pass), open (none passes), half open (one probe is under way)."""

    def __init__(
        self,
        monotonic_ms: Callable[[], int],
        cooldown_ms: int,
        on_change: Callable[[BreakerState, BreakerState], None] = lambda _, __: None,
    ) -> None:
        """Make a closed breaker.

        Args:
            monotonic_ms: a clock that never goes back, in ms.
            cooldown_ms: how long it stays open before a probe may pass.
            on_change: is told every transition: from which state to which.
        """
        self._monotonic_ms = monotonic_ms
        self._cooldown_ms = cooldown_ms
        self._opened_at = 0
        self._ticket: Ticket = 1
        self.on_change = on_change
        self.state: BreakerState = "closed"
        self.times_opened = 0

    def allow(self) -> Ticket | None:
        """Ask for a call: its ticket, or None. In half open there is none but the probe."""
        if self.state == "open" and self.retry_after_ms() == 0:
            self._turn("half_open")
            return self._ticket
        return self._ticket if self.state == "closed" else None

    def retry_after_ms(self) -> int:
        """Return how long it is worth waiting before asking again; 0 when a call may pass."""
        if self.state == "closed":
            return 0
        left = self._opened_at + self._cooldown_ms - self._monotonic_ms()
        return max(0, left)

    def succeeded(self, ticket: Ticket) -> None:
        """The call of this ticket succeeded; if it was the probe, calls pass again."""
        if ticket == self._ticket and self.state == "half_open":
            self._turn("closed")

    def failed(self, ticket: Ticket) -> None:
        """The call of this ticket failed."""
        if ticket == self._ticket:
            self.trip()

    def trip(self) -> None:
        """Open at once: it is known, from whatever call, that none can succeed now."""
        if self.state != "open":
            self._opened_at = self._monotonic_ms()
            self.times_opened += 1
            self._turn("open")

    def _turn(self, state: BreakerState) -> None:
        before, self.state = self.state, state
        self._ticket += 1
        self.on_change(before, state)
