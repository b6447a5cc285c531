"""How much one client may ask: a token bucket per address.

The bucket is the generic cell rate algorithm (ITU-T I.371, as Brandur Leach describes it for
APIs): one number per client, the instant at which its bucket will be full again. Whole numbers
only, so what is said of the wait is exact: time counts in ns times the rate, in which one token
takes the same time at every rate.
"""

import time
from collections.abc import Callable
from itertools import islice
from typing import Final

from holdfast.resilience.admission import RateLimited

#: Clients remembered at once. One whose bucket is full is forgotten without loss.
CLIENTS_MAX: Final = 65_536

_NS_PER_S: Final = 1_000_000_000
_NS_PER_MS: Final = 1_000_000
#: What a token takes, in ns times the rate.
_TOKEN: Final = _NS_PER_S


class RateLimiter:
    """`rate_per_s` tokens flow into each client's bucket, which holds `burst`; 0 is no limit."""

    def __init__(
        self, rate_per_s: int, burst: int, now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._rate = rate_per_s
        self._burst = max(burst, 1)
        #: How far ahead of now a bucket may be filled and yet give a token.
        self._reach = (self._burst - 1) * _TOKEN
        self._now_ns = now_ns
        #: When each client's bucket is full again, if it is not.
        self._full_at: dict[str, int] = {}

    def take(self, client: str) -> None:
        """Take one token from the client's bucket.

        Raises:
            RateLimited: it is empty.
        """
        rate = self._rate
        if not rate:
            return
        now = self._now_ns() * rate
        full_at = self._full_at.get(client, now)
        if full_at < now:  # noqa: PLR1730 - every request passes here, and max() is a call
            full_at = now
        lacking = full_at - now - self._reach
        if lacking > 0:
            raise RateLimited(-(-lacking // (rate * _NS_PER_MS)), self._burst, self._window_s)
        if full_at == now and len(self._full_at) >= CLIENTS_MAX:
            self._forget(now)
        self._full_at[client] = full_at + _TOKEN

    @property
    def _window_s(self) -> int:
        """In how many seconds an empty bucket is full, rounded up."""
        return -(-self._burst // self._rate)

    def _forget(self, now: int) -> None:
        """Make room: whose bucket is full goes; if that is not enough, so do those who came first."""
        left = {client: at for client, at in self._full_at.items() if at > now}
        surplus = max(0, len(left) - CLIENTS_MAX // 2)
        self._full_at = dict(islice(left.items(), surplus, None))
