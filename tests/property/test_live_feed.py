"""Whoever listens hears every event once, and the same whether it was there or came back later.

One listener was there all the time and was told what each event changed as it was applied. Others come,
leave, and come again behind what they have heard, also to another process; what they missed is worked
out from the journal. Where that is not possible they are told to load afresh, and for no other reason.
"""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from holdfast.domain.events import Event
from holdfast.domain.records import ITEM, MENU_ITEM, Change
from holdfast.http.dishes import DishIndex
from holdfast.http.live.hub import Hubs, Told
from holdfast.http.live.listener import Listener
from holdfast.http.live.messages import TYPES, Wanted, moved_by
from tests.property.test_ledger_against_model import LedgerMachine
from tests.support.opened import journal_of, until
from tests.support.virtual_time import settle

WANTED = st.builds(
    Wanted,
    st.none() | st.none() | st.frozensets(st.sampled_from(TYPES), min_size=1),
    st.sampled_from([None, None, "S"]),
    st.sampled_from([None, None, "A"]),
)


class Visitor:
    """One who listens now."""

    def __init__(self, after: int, wanted: Wanted) -> None:
        self.reached = after
        self.wanted = wanted
        self.frames: list[list[dict[str, Any]]] = []
        self.news = asyncio.Event()
        self.listener: Listener | None = None
        self.task: asyncio.Task[None] | None = None


class FeedMachine(LedgerMachine):
    def __init__(self) -> None:
        super().__init__()
        self.hubs = Hubs()
        self.followed: object = None
        #: What somebody heard who never left, by sequence.
        self.told: dict[int, Told] = {}
        self.events: dict[int, Event] = {}
        self.visitor: Visitor | None = None
        self.follow_from_the_start()

    @invariant()
    def follow_from_the_start(self) -> None:
        ledger = self.tenant.ledger
        if self.followed is ledger:
            return
        self.followed = ledger
        dishes = DishIndex(self.read())

        def note(event: Event, changes: list[Change]) -> None:
            for change in event.records:
                if change[0] is MENU_ITEM:
                    dishes.note(change)
            self.told[event.sequence] = Told(event, moved_by(changes), dishes.with_sku)
            self.told[event.sequence].write()

        ledger.follow(note)  # type: ignore[arg-type]  # any sequence is a list here

    def hang_up(self) -> None:
        """The visitor's connection ends; it comes again."""
        visitor = self.visitor
        if visitor is not None and visitor.task is not None:
            visitor.task.cancel()
            self.loop.run_until_complete(asyncio.wait([visitor.task]))
            visitor.task = visitor.listener = None

    def time_passed(self, ms: int) -> None:
        self.hang_up()
        super().time_passed(ms)

    @rule()
    def close_and_start_again(self) -> None:
        self.hang_up()
        super().close_and_start_again()

    @rule(power_cut=st.booleans())
    def die_and_start_again(self, power_cut: bool) -> None:
        self.hang_up()
        super().die_and_start_again(power_cut)

    @rule()
    def a_checkpoint_is_written(self) -> None:
        self.hang_up()
        super().a_checkpoint_is_written()

    @rule(back_ms=st.sampled_from([1, 10_000]))
    def die_and_start_again_on_a_clock_that_is_behind(self, back_ms: int) -> None:
        self.hang_up()
        super().die_and_start_again_on_a_clock_that_is_behind(back_ms)

    @precondition(lambda self: self.visitor is None)
    @rule(missed=st.integers(0, 12), wanted=WANTED)
    def come(self, missed: int, wanted: Wanted) -> None:
        self.visitor = Visitor(max(0, self.tenant.ledger.last_sequence - missed), wanted)

    def _listen(self, visitor: Visitor) -> None:
        ledger = self.tenant.ledger

        async def goes_on() -> bool:
            return True

        async def listen() -> None:
            hub = await self.hubs.enter(ledger, visitor.news)
            try:
                given = (visitor.news, visitor.wanted, visitor.reached, goes_on)
                visitor.listener = Listener(ledger, hub, *given)
                async for frame in visitor.listener.frames():
                    visitor.frames.append(json.loads(frame))
            finally:
                self.hubs.leave(ledger, hub, visitor.news)

        visitor.task = self.loop.create_task(listen())

    @precondition(lambda self: self.visitor is not None)
    @rule()
    def go(self) -> None:
        self.hang_up()
        self.visitor = None

    @invariant()
    def the_visitor_has_heard_what_the_other_heard(self) -> None:
        visitor, newest = self.visitor, self.tenant.ledger.last_sequence
        if visitor is None:
            return
        if visitor.task is None:
            self._listen(visitor)
        assert visitor.task is not None
        self.loop.run_until_complete(_heard_all(visitor, newest))
        assert not visitor.task.done(), visitor.task.exception()
        frames, visitor.frames = visitor.frames, []
        for frame in frames:
            first = frame[0]
            if first["type"] == "reset":
                self.demand_reason(visitor.reached, first["sequence"])
                visitor.reached = first["sequence"]
            elif first["type"] == "heartbeat":
                visitor.reached = self._nothing_between(visitor, first["sequence"])
            else:
                self._nothing_between(visitor, first["sequence"] - 1)
                visitor.reached = first["sequence"]
                assert frame == self._heard(visitor, first["sequence"])
        assert self._nothing_between(visitor, newest) == newest

    def _nothing_between(self, visitor: Visitor, sequence: int) -> int:
        """Demand that of the events up to that one, nothing was wanted that was not heard."""
        for each in range(visitor.reached + 1, sequence + 1):
            assert self._heard(visitor, each) is None, each
        visitor.reached = sequence
        return sequence

    def _heard(self, visitor: Visitor, sequence: int) -> list[dict[str, Any]] | None:
        if sequence not in self.told:
            return None  # It happened while a process began.
        frame = self.told[sequence].frame(visitor.wanted)
        return None if frame is None else json.loads(frame)

    def demand_reason(self, after: int, newest: int) -> None:
        """Nobody is told to load afresh unless what was missed cannot be told."""
        log = self.loop.run_until_complete(journal_of(self.tenant.ledger))
        missed = log[after:newest]
        front = log[after - 1].ts if after else None
        reading = self.read()
        assert (
            any(table in {ITEM, MENU_ITEM} for event in missed for table, _, _ in event.records)
            or any(event.ts == front and event.stock for event in missed)
            or any(event.type == "BatchApplied" for event in missed)
            or any(event.ts < reading.now - 12 * 3600 * 1000 for event in missed)
        ), missed

    def teardown(self) -> None:
        self.hang_up()
        super().teardown()


async def _heard_all(visitor: Visitor, newest: int) -> None:
    """Wait until the visitor stands at the newest event."""
    await until(lambda: visitor.listener is not None and visitor.listener._reached == newest)
    await settle()


def test_a_listener_hears_every_event_once_and_as_it_was() -> None:
    run_state_machine_as_test(
        FeedMachine, settings=settings(max_examples=40, stateful_step_count=30)
    )


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_a_listener_of_long_lives_hears_every_event_once() -> None:
    run_state_machine_as_test(
        FeedMachine, settings=settings(max_examples=1000, stateful_step_count=60)
    )
