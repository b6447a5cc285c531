"""One who listens: where it stands, and what it is to hear next.

It hears every event behind its place once, in order: from the ring of its hub, or, having been away,
out of the journal until it is there. When that cannot be, it hears one `reset`, which says that it has
to load everything afresh, and goes on behind that.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final

import orjson

from holdfast.domain.events import Event
from holdfast.domain.rejections import Rejected
from holdfast.http.live.hub import Hub, Told
from holdfast.http.live.messages import Moved, Wanted
from holdfast.http.live.rebuilt import NotKnown, Rebuilt
from holdfast.http.slices import Slices
from holdfast.ledger.codec import decode_event
from holdfast.ledger.port import Ledger

#: Whoever missed more than so many events loads afresh.
MISSED_MAX: Final = 10_000
_PAGE: Final = 256
#: How the events are told that change items, and dishes.
_CATALOGUE: Final = (b'"type":"Item', b'"type":"MenuItem')
#: Events from the ring that are told before others have their turn.
_AT_ONCE: Final = 64


class Listener:
    """Walks the events of a tenant."""

    def __init__(  # noqa: PLR0917 - parts of one connection, each of a type of its own
        self,
        ledger: Ledger,
        hub: Hub,
        news: asyncio.Event,
        wanted: Wanted,
        after: int | None,
        goes_on: Callable[[], Awaitable[bool]],
    ) -> None:
        """Stand behind `after`; None: behind the newest event.

        `news` wakes it at every event, at every beat of the heart, and when it is to end; then
        `goes_on` says no, which is asked whenever there was nothing to hear.
        """
        self._ledger = ledger
        self._hub = hub
        self._news = news
        self._wanted = wanted
        self._reached = hub.newest if after is None else after
        self._goes_on = goes_on
        self._beats = hub.beats
        self._spoke = False

    async def frames(self) -> AsyncGenerator[str, None]:
        """Walk what is to be heard, each a JSON array; for ever.

        Raises:
            Unavailable: the journal cannot be read now.
        """
        missed = self._hub.newest - self._reached
        if missed < 0 or missed > MISSED_MAX:
            yield self._reset()
        else:
            async for frame in self._catch_up():
                yield frame
        yield self._heartbeat()
        while True:
            self._news.clear()
            for frame in self._from_ring():
                self._spoke = True
                yield frame
            if self._reached < self._hub.newest:
                await asyncio.sleep(0)
                continue
            await self._news.wait()
            if self._reached == self._hub.newest and not await self._goes_on():
                return
            if self._beats != self._hub.beats:
                self._beats = self._hub.beats
                if not self._spoke:
                    yield self._heartbeat()
                self._spoke = False

    def _from_ring(self) -> list[str]:
        """Take what comes next; one that was too slow for the ring begins anew."""
        if self._reached + 1 < self._hub.oldest:
            return [self._reset()]
        return self._told(self._hub.behind(self._reached, _AT_ONCE))

    def _told(self, events: list[Told]) -> list[str]:
        frames = [told.frame(self._wanted) for told in events]
        if events:
            self._reached = events[-1].sequence
        return [frame for frame in frames if frame is not None]

    async def _catch_up(self) -> AsyncGenerator[str, None]:
        """Walk the journal until the ring has the rest."""
        try:
            async for event, moved in self._missed():
                for frame in self._told([Told(event, moved, self._hub.dishes.with_sku)]):
                    yield frame
        except (NotKnown, Rejected):  # Or it is no longer kept.
            yield self._reset()

    async def _missed(self) -> AsyncGenerator[tuple[Event, list[Moved]], None]:
        if self._reached + 1 >= self._hub.oldest:
            return
        await self._demand_same_catalogue()
        # The event in front tells what an alert's instants mean.
        first = await self._ledger.events(max(0, self._reached - 1), 1)
        before = decode_event(first[0].json) if self._reached and first else None
        rebuilt = Rebuilt(before)
        slices = Slices()
        while self._reached + 1 < self._hub.oldest:
            for logged in await self._ledger.events(self._reached, _PAGE):
                if logged.sequence >= self._hub.oldest:
                    return
                event = decode_event(logged.json)
                reading = await self._ledger.read()
                yield event, rebuilt.moved(reading, event, self._hub.catalogue_at)
                if slices.over:
                    await slices.pause()

    async def _demand_same_catalogue(self) -> None:
        """Look ahead, so that nothing is told on grounds that turn out not to hold.

        Raises:
            NotKnown: items or dishes changed in what was missed.
        """
        seen = self._reached
        while seen + 1 < self._hub.oldest:
            for logged in await self._ledger.events(seen, _PAGE):
                seen = logged.sequence
                if any(text in logged.json for text in _CATALOGUE):
                    raise NotKnown("the catalogue changed")
            await asyncio.sleep(0)

    def _reset(self) -> str:
        self._reached = self._hub.newest
        return self._say("reset")

    def _heartbeat(self) -> str:
        return self._say("heartbeat")

    def _say(self, kind: str) -> str:
        return orjson.dumps([{"type": kind, "sequence": self._reached}]).decode()
