"""A tenant's newest events for everybody who listens, each told once however many listen.

There is no queue per listener. The hub keeps the newest events in a ring, a listener has its place in
it, and takes what is behind that whenever its connection takes more. One that is too slow finds its
place gone from the ring. So what all of them cost is the ring, and none can hold up another.

The hub follows the ledger only while somebody listens. Events are put down as they are committed; all
else happens once per turn of the loop, and an event becomes text when the first listener wants it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Final
from weakref import WeakKeyDictionary

from holdfast.domain.events import Event
from holdfast.domain.records import ITEM, MENU_ITEM, Change
from holdfast.http.dishes import DishIndex
from holdfast.http.live.messages import DishesWith, Message, Moved, Wanted, messages, moved_by
from holdfast.ledger.port import Ledger, Reading

#: Events in the ring, at most, and records in all of these together; one event always fits.
EVENTS_MAX: Final = 1024
RECORDS_MAX: Final = 65_536
#: How often a listener that hears nothing is told that there is nothing.
HEARTBEAT_S: Final = 15.0


class Told:
    """One event, and what it is told as."""

    __slots__ = ("_frames", "_messages", "_write", "sequence", "weight")

    def __init__(self, event: Event, moved: Sequence[Moved], dishes_with: DishesWith) -> None:
        self.sequence = event.sequence
        self.weight = 1 + len(event.stock) + len(event.reservations) + len(event.records)
        self._write = partial(messages, event, moved, dishes_with)
        self._messages: list[Message] | None = None
        self._frames: dict[Wanted, str | None] = {}

    def write(self) -> None:
        """Write the messages now, because what dishes take is about to change."""
        if self._messages is None:
            self._messages = self._write()
            del self._write

    def frame(self, wanted: Wanted) -> str | None:
        """Return all that is wanted of it as a JSON array; None when that is nothing."""
        if wanted not in self._frames:
            self.write()
            taken = [each.json for each in self._messages or () if wanted.takes(each)]
            self._frames[wanted] = (b"[%b]" % b",".join(taken)).decode() if taken else None
        return self._frames[wanted]


class Hub:
    """One tenant's."""

    def __init__(self, ledger: Ledger, reading: Reading) -> None:
        """Begin behind the newest event of `reading`, which is the newest there is."""
        self.dishes = DishIndex(reading)
        #: The newest event that listeners can take.
        self.newest = reading.sequence
        #: The newest change of an item or a dish, if there was one since it began.
        self.catalogue_at = 0
        #: How often its heart has beaten.
        self.beats = 0
        self.listeners: dict[asyncio.Event, None] = {}
        self._ring: deque[Told] = deque()
        self._weight = 0
        self._fresh: list[tuple[Event, Sequence[Change]]] = []
        self._loop = asyncio.get_running_loop()
        self._unfollow = ledger.follow(self._note)
        self._heart = self._loop.call_later(HEARTBEAT_S, self._beat)

    @property
    def oldest(self) -> int:
        """The oldest event in the ring; without any, the one that comes next."""
        return self._ring[0].sequence if self._ring else self.newest + 1

    def behind(self, sequence: int, limit: int) -> list[Told]:
        """Return events behind one that is not older than the ring, oldest first."""
        start = sequence + 1 - self.oldest
        return list(islice(self._ring, start, start + limit))

    def close(self) -> None:
        """Follow no more."""
        self._unfollow()
        self._heart.cancel()

    def _note(self, event: Event, changes: Sequence[Change]) -> None:
        if not self._fresh:
            self._loop.call_soon(self._take)
        if event.records and any(
            table is ITEM or table is MENU_ITEM for table, _, _ in event.records
        ):
            self.catalogue_at = event.sequence
        self._fresh.append((event, changes))

    def _take(self) -> None:
        fresh, self._fresh = self._fresh, []
        for event, changes in fresh:
            for change in event.records:
                if change[0] is MENU_ITEM:
                    self._learn(change)
            told = Told(event, moved_by(changes), self.dishes.with_sku)
            self._ring.append(told)
            self._weight += told.weight
        while len(self._ring) > EVENTS_MAX or (self._weight > RECORDS_MAX and len(self._ring) > 1):
            self._weight -= self._ring.popleft().weight
        self.newest = fresh[-1][0].sequence
        self._wake()

    def _learn(self, change: Change) -> None:
        for told in self._ring:
            told.write()
        self.dishes.note(change)

    def _beat(self) -> None:
        self.beats += 1
        self._wake()
        self._heart = self._loop.call_later(HEARTBEAT_S, self._beat)

    def _wake(self) -> None:
        for listener in self.listeners:
            listener.set()


class Hubs:
    """The hubs of all tenants to whom somebody listens."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Ledger, Hub] = WeakKeyDictionary()

    async def enter(self, ledger: Ledger, news: asyncio.Event) -> Hub:
        """Have a listener woken, by `news`, at every event from now on.

        Raises:
            Unavailable: the ledger cannot be read.
        """
        reading = await ledger.read()
        hub = self._of.get(ledger)
        if hub is None:
            hub = self._of[ledger] = Hub(ledger, reading)
        hub.listeners[news] = None
        return hub

    def leave(self, ledger: Ledger, hub: Hub, news: asyncio.Event) -> None:
        """Wake a listener no more; the last one to leave ends the hub."""
        hub.listeners.pop(news, None)
        if not hub.listeners and self._of.get(ledger) is hub:
            del self._of[ledger]
            hub.close()
