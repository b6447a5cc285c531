"""How much one client may ask: a token bucket per address.

The bucket is the generic cell rate algorithm of throttled-py, which keeps one number per client.
This adapter is all that the rest of the project knows of that library. It draws a few tokens at
once and hands them out one by one, because asking the library costs as much as deciding a
request; drawn tokens are paid for, so no client ever gets more than flowed in.
"""

import math
from typing import Final

from throttled import MemoryStore, RateLimiterRegistry, per_sec

from holdfast.resilience.admission import RateLimited

#: Clients remembered at once; the one that was quiet longest is forgotten first.
CLIENTS_MAX: Final = 65_536


#: Tokens drawn at once are this part of the burst, and at most so many.
_DRAW_PART: Final = 10
_DRAW_MAX: Final = 16


class RateLimiter:
    """`rate_per_s` tokens flow into each client's bucket, which holds `burst`; 0 is no limit."""

    def __init__(self, rate_per_s: int, burst: int) -> None:
        self._limited = rate_per_s > 0
        self._draw = min(_DRAW_MAX, max(1, burst // _DRAW_PART))
        self._drawn: dict[str, int] = {}
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
        left = self._drawn.get(client, 0)
        if left:
            self._drawn[client] = left - 1
        elif self._draw == 1 or self._bucket.limit(client, self._draw).limited:
            self._take_one(client)
        else:
            self._keep(client, self._draw - 1)

    def _take_one(self, client: str) -> None:
        result = self._bucket.limit(client)
        if result.limited:
            raise RateLimited(max(1, math.ceil(result.state.retry_after * 1000)))

    def _keep(self, client: str, tokens: int) -> None:
        if len(self._drawn) >= CLIENTS_MAX:
            self._drawn.clear()
        self._drawn[client] = tokens
