"""Where requests wait their turn, so that one kind of work cannot crowd out another."""

import sys
from enum import StrEnum
from typing import Final

from holdfast.resilience.admission import Bulkhead

#: Batches at work at once, and those that wait: a batch is large, and a chain has few loaders.
BATCH_PLACES: Final = 8
BATCH_QUEUE_MAX: Final = 64
#: Long polls at once. They cost memory, not work.
WAITING_PLACES: Final = 4096


class Lane(StrEnum):
    """What a request is admitted as."""

    #: Answered always, without a limit of any kind: health and metrics.
    FREE = "free"
    API = "api"
    BATCH = "batch"
    #: Long polls hold a place while they wait for something to happen.
    WAITING = "waiting"


class Lanes(dict[Lane, Bulkhead]):
    """The bulkhead of each lane."""

    def __init__(self, api_places: int, api_queue_max: int) -> None:
        super().__init__(
            {
                Lane.FREE: Bulkhead(sys.maxsize, 0),
                Lane.API: Bulkhead(api_places, api_queue_max),
                Lane.BATCH: Bulkhead(BATCH_PLACES, BATCH_QUEUE_MAX),
                Lane.WAITING: Bulkhead(WAITING_PLACES, 0),
            }
        )

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
        """Whether the next ordinary request would be sent away."""
        return self[Lane.API].shedding
