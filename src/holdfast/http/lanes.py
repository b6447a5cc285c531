"""Where requests wait their turn, so that one kind of work cannot crowd out another."""

import sys
from enum import StrEnum
from typing import Final

from holdfast.resilience.admission import Bulkhead

#: Batches at work at once, and those that wait: a batch is large, and a chain has few loaders.
BATCH_PLACES: Final = 8
BATCH_QUEUE_MAX: Final = 64
BATCH_WAIT_MAX_S: Final = 30.0
#: Long polls at once. They cost memory, not work.
WAITING_PLACES: Final = 4096
#: Once this part of the ordinary queue is taken, batches are sent away, and then writes.
_BULK_PART: Final = 8
_WRITES_PART: Final = 2


class Lane(StrEnum):
    """What a request is admitted as."""

    #: Answered always, without a limit of any kind: health and metrics.
    FREE = "free"
    API = "api"
    BATCH = "batch"
    #: Long polls hold a place while they wait for something to happen.
    WAITING = "waiting"


class Lanes(dict[Lane, Bulkhead]):
    """The bulkhead of each lane, and who is sent away first when the ordinary queue grows.

    What can be done later goes first: bulk, then writes, and reads last. So under stress the shops
    still see their stock, and those who are served are served soon.
    """

    def __init__(self, api_places: int, api_queue_max: int, api_wait_max_s: float) -> None:
        super().__init__(
            {
                Lane.FREE: Bulkhead(sys.maxsize, 0),
                Lane.API: Bulkhead(api_places, api_queue_max, api_wait_max_s),
                Lane.BATCH: Bulkhead(BATCH_PLACES, BATCH_QUEUE_MAX, BATCH_WAIT_MAX_S),
                Lane.WAITING: Bulkhead(WAITING_PLACES, 0),
            }
        )
        #: Ordinary requests that wait; while there are none, nobody is sent away for them.
        self.ordinary = self[Lane.API].queue
        self._bulk_ends_at = max(1, api_queue_max // _BULK_PART)
        self._writes_end_at = max(1, api_queue_max // _WRITES_PART)

    def sheds(self, lane: Lane, *, writes: bool) -> bool:
        """Whether a request of this kind would be sent away now."""
        depth = len(self.ordinary)
        if lane is Lane.FREE:
            return False
        if lane is Lane.BATCH:
            return depth >= self._bulk_ends_at or self[lane].shedding
        return (writes and depth >= self._writes_end_at) or self[Lane.API].shedding

    @property
    def queue_depth(self) -> int:
        """How many requests wait for a place, in all lanes."""
        return sum(bulkhead.queue_depth for bulkhead in self.values())

    @property
    def waiting(self) -> int:
        """How many long polls are open."""
        return self[Lane.WAITING].active

    @property
    def shedding(self) -> bool:
        """Whether ordinary writes would be sent away now."""
        return self.sheds(Lane.API, writes=True)
