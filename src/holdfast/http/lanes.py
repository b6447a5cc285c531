"""Where requests wait their turn, so that one kind of work cannot crowd out another."""

from enum import Enum
from typing import Final

from holdfast.resilience.admission import Bulkhead

#: Batches at work at once, and those that wait: a batch is large, and a chain has few loaders.
BATCH_PLACES: Final = 8
BATCH_QUEUE_MAX: Final = 64
#: Long polls at once. They cost memory, not work.
WAITING_PLACES: Final = 4096


class Lane(Enum):
    """What a request is admitted as."""

    #: Answered always, without a limit of any kind: health and metrics.
    FREE = "free"
    API = "api"
    BATCH = "batch"
    #: Long polls hold a place while they wait for something to happen.
    WAITING = "waiting"


class Lanes:
    """The bulkhead of each lane."""

    def __init__(self, api_places: int, api_queue_max: int) -> None:
        self._bulkheads = {
            Lane.API: Bulkhead(api_places, api_queue_max),
            Lane.BATCH: Bulkhead(BATCH_PLACES, BATCH_QUEUE_MAX),
            Lane.WAITING: Bulkhead(WAITING_PLACES, 0),
        }

    def __getitem__(self, lane: Lane) -> Bulkhead:
        return self._bulkheads[lane]

    @property
    def queue_depth(self) -> int:
        """How many requests wait for a place, in all lanes."""
        return sum(bulkhead.queue_depth for bulkhead in self._bulkheads.values())

    @property
    def waiting(self) -> int:
        """How many long polls are open."""
        return self._bulkheads[Lane.WAITING].active

    @property
    def shedding(self) -> bool:
        """Whether the next ordinary request would be sent away."""
        return self._bulkheads[Lane.API].shedding
