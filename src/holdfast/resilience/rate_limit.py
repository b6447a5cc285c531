"""How much one client may ask: a token bucket per address.

The bucket is the generic cell rate algorithm of throttled-py, which keeps one number per client.
This adapter is all that the rest of the project knows of that library.
"""

import math
from typing import Final

from throttled import MemoryStore, RateLimiterRegistry, per_sec

from holdfast.resilience.admission import RateLimited

#: Clients remembered at once; the one that was quiet longest is forgotten first.
CLIENTS_MAX: Final = 65_536


class RateLimiter:
    """`rate_per_s` tokens flow into each client's bucket, which holds `burst`; 0 is no limit."""

    def __init__(self, rate_per_s: int, burst: int) -> None:
        self._limited = rate_per_s > 0
        if self._limited:
            self._bucket = RateLimiterRegistry.get("gcra")(
                per_sec(rate_per_s, max(burst, 1)), MemoryStore(options={"MAX_SIZE": CLIENTS_MAX})
            )

    def take(self, client: str) -> None:
        """Take one token from the client's bucket.

        Raises:
            RateLimited: it is empty.
        """
        if not self._limited:
            return
        result = self._bucket.limit(client)
        if result.limited:
            raise RateLimited(max(1, math.ceil(result.state.retry_after * 1000)))
