"""What slows down whoever guesses passwords, and nobody else.

Attempts are counted by user and address together. So a guesser waits ever longer, while the user,
who comes from another address, does not notice. An attempt counts before it is looked at, or many
at the same time would all be free; a good one wipes the count.
"""

import time
from collections.abc import Callable
from itertools import islice
from typing import Final, NamedTuple

from holdfast.resilience.admission import RateLimited

#: Wrong guesses that cost no time.
FREE: Final = 5
_WAIT_S_MAX: Final = 300
#: A count is forgotten when nothing was tried for so long after the wait.
_FORGET_S: Final = 900
_COUNTED_MAX: Final = 65_536

#: Tenant, user, and the client's address.
Guess = tuple[str, str, str]


class _Count(NamedTuple):
    failures: int
    next_at: float


class Attempts:
    """Counts failures by guess."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._counts: dict[Guess, _Count] = {}

    def begin(self, guess: Guess) -> None:
        """Count an attempt as a failure until it is known to be none.

        Raises:
            RateLimited: it is too early for the next one; nothing was counted.
        """
        now = self._now()
        count = self._counts.pop(guess, None)
        if count is None or count.next_at + _FORGET_S < now:
            count = _Count(0, now)
        if count.next_at > now:
            self._counts[guess] = count
            raise RateLimited(int((count.next_at - now) * 1000) + 1)
        if len(self._counts) >= _COUNTED_MAX:
            self._forget(now)
        failures = count.failures + 1
        wait_s = 0 if failures < FREE else min(2 ** min(failures - FREE, 16), _WAIT_S_MAX)
        self._counts[guess] = _Count(failures, now + wait_s)

    def succeeded(self, guess: Guess) -> None:
        """Wipe the count: it was no guess."""
        self._counts.pop(guess, None)

    def _forget(self, now: float) -> None:
        """Make room: first what is old goes, then, if need be, what was tried least recently."""
        left = {guess: each for guess, each in self._counts.items() if each.next_at > now}
        surplus = max(0, len(left) - _COUNTED_MAX // 2)
        self._counts = dict(islice(left.items(), surplus, None))
