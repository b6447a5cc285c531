"""The past of a ledger against what it said at the time, through closing, killing and archiving.

After every step the live answer is written down. Later, and after whatever else has happened, the
same question with `asOf` gives the same answer; and every explanation adds up, and names the events
that a walk through the whole history would name.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from holdfast.domain.events import Event
from holdfast.domain.records import (
    ACTIVE,
    RESERVATION,
    STOCK,
    STORE,
    Key,
    Outcome,
    Reservation,
    StockRecord,
)
from holdfast.domain.rejections import Rejected
from holdfast.journal import backward, reader
from holdfast.ledger import explain
from holdfast.ledger.past_values import AsOf, Cause, Explanation, Scope
from holdfast.ledger.port import Reading
from tests.property.test_ledger_against_model import LedgerMachine
from tests.support.steps import Step

PLACES = [("S", "A"), ("S", "B"), ("S", "C"), ("T", "A"), ("T", "B"), ("T", "C")]
Stock = dict[Key, StockRecord]
Holds = dict[Key, Reservation]


class PastMachine(LedgerMachine):
    def __init__(self) -> None:
        super().__init__()
        self.said: dict[int, tuple[Stock, Holds]] = {}
        self.said_at: dict[int, tuple[Stock, int]] = {}
        #: The stores there were behind each event.
        self.stores: dict[int, set[Key]] = {}

    def decided(self, asked: Step) -> Outcome | Rejected:
        """A change is known by its time, so time passes between two."""
        self.time_passed(1)
        return super().decided(asked)

    @invariant()
    def what_is_said_is_written_down(self) -> None:
        reading = self.read()
        stock = dict(reading.records(STOCK))
        self.said[reading.sequence] = stock, dict(reading.records(RESERVATION))
        self.said_at[reading.now] = stock, reading.sequence
        self.stores[reading.sequence] = set(reading.records(STORE))

    @invariant()
    def an_explanation_adds_up(self) -> None:
        reading = self.read()
        for record in reading.records(STOCK).values():
            explanation = self.explained(record.key, None)
            assert explanation.sequence == reading.sequence
            self.demand_right(explanation, record, dict(reading.records(RESERVATION)))

    @rule(back=st.integers(0, 30))
    def ask_what_was_behind_an_event(self, back: int) -> None:
        sequence = sorted(self.said)[-1 - back % len(self.said)]
        stock, holds = self.said[sequence]
        as_of = AsOf(sequence=sequence)
        self.demand_the_same(as_of, stock, sequence)
        for key, record in stock.items():
            self.demand_right(self.explained(key, as_of), record, holds)
        kept = self.kept_ids(sequence, holds)
        for key, held in holds.items():
            reading = self.asked(self.tenant.ledger.past.read_reservation(as_of, key[0]))
            assert reading.get(RESERVATION, key) == (held if key in kept else None)

    def kept_ids(self, sequence: int, holds: Holds) -> set[Key]:
        """What is past its time is not shown, even if nothing has come to forget it yet."""
        ts = next((each.ts for each in self.tenant.seen if each.sequence == sequence), 0)
        return {key for key, held in holds.items() if (held.kept_until or ts + 1) > ts}

    @rule(back=st.integers(0, 30))
    def ask_what_was_at_a_time(self, back: int) -> None:
        times = [at for at in sorted(self.said_at) if at < self.clock.wall_ms()]
        if times:
            at = times[-1 - back % len(times)]
            stock, sequence = self.said_at[at]
            self.demand_the_same(AsOf(at=at), stock, sequence)

    def demand_the_same(self, as_of: AsOf, stock: Stock, sequence: int) -> None:
        for store, sku in PLACES:
            reading = self.past(as_of, Scope(store, sku))
            assert reading.sequence == sequence
            assert reading.get(STOCK, (store, sku)) == stock.get((store, sku))
        for limit in (1, 2, 4, None):
            scope = Scope(limit=limit)
            assert [each.key for each in self.pages(as_of, scope)] == sorted(stock)
        for store in ("S", "T"):
            mine = {key: each for key, each in stock.items() if key[0] == store}
            assert {each.key: each for each in self.pages(as_of, Scope(store, limit=2))} == mine
            there = self.past(as_of, Scope(store, limit=1)).get(STORE, (store,))
            assert (there is not None) == ((store,) in self.stores[sequence])
        found = self.past(as_of, Scope(sku="A")).stock_page(None, "A", None, 10)
        assert found == [stock[key] for key in sorted(stock) if key[1] == "A"]

    def pages(self, as_of: AsOf, scope: Scope) -> Iterator[StockRecord]:
        while True:
            page = self.past(as_of, scope).stock_page(scope.store_id, scope.sku, scope.above, 10)
            yield from page
            if scope.limit is None or len(page) < scope.limit:
                return
            scope = scope._replace(above=page[-1].key)

    def past(self, as_of: AsOf, scope: Scope) -> Reading:
        reading: Reading = self.asked(self.tenant.ledger.past.read(as_of, scope))
        return reading

    def asked(self, question: Any) -> Any:
        return self.loop.run_until_complete(question)

    def explained(self, key: Key, as_of: AsOf | None) -> Explanation:
        explanation = self.asked(self.tenant.ledger.past.explain(key[0], key[1], as_of))
        assert isinstance(explanation, Explanation)
        return explanation

    def demand_right(self, told: Explanation, record: StockRecord, holds: Holds) -> None:
        assert told.record == record
        active = {
            each.reservation_id
            for each in holds.values()
            if each.status == ACTIVE
            and each.store_id == record.store_id
            and any(line.sku == record.sku for line in each.lines)
        }
        self.demand_all_held(told, active, holds)
        events = [each for each in self.tenant.seen if each.sequence <= told.sequence]
        right = last_change(events, record.key, lambda image: image.on_hand)
        self.demand_cause(told, told.on_hand, right)
        if record.is_out:
            right = last_change(events, record.key, _switch)
            self.demand_cause(told, told.out, right)
        for each in told.held:
            assert each.reservation == holds[each.reservation.key]
            self.demand_cause(told, each.cause, last_write(events, each.reservation))

    def demand_all_held(self, told: Explanation, active: set[str], holds: Holds) -> None:
        assert {each.reservation.reservation_id for each in told.held} == active
        assert sum(each.qty for each in told.held) == told.record.reserved

    def demand_cause(self, told: Explanation, cause: Cause | None, right: int) -> None:
        assert cause is not None
        assert cause.sequence == right


class HastyMachine(PastMachine):
    """Explanations may look at very little of the journal; then they must say so."""

    def demand_all_held(self, told: Explanation, active: set[str], holds: Holds) -> None:
        found = {each.reservation.reservation_id for each in told.held}
        assert found <= active
        for name in active - found:
            assert last_write(self.tenant.seen, holds[(name,)]) < told.searched_from

    def demand_cause(self, told: Explanation, cause: Cause | None, right: int) -> None:
        key = told.record.key
        if cause is None:
            touching = [
                each.sequence
                for each in self.tenant.seen
                for image in each.stock
                if each.sequence < right and (image.key, image.updated_at) == (key, each.ts)
            ]
            assert max(touching, default=0) < told.searched_from
        else:
            assert cause.sequence == right


def _switch(image: StockRecord) -> tuple[bool, str | None, int | None]:
    return image.is_out, image.out_reason, image.out_until


def last_change(events: list[Event], key: Key, value: Any) -> int:
    changed, now = 0, object()
    for event in events:
        for image in event.stock:
            if image.key == key and value(image) != now:
                changed, now = event.sequence, value(image)
    return changed


def last_write(events: list[Event], held: Reservation) -> int:
    return next(
        event.sequence
        for event in events
        for each in event.reservations
        if (each.reservation_id, each.version) == (held.reservation_id, held.version)
    )


@pytest.fixture(autouse=True)
def tight_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short history is cut into pieces as a long one would be."""
    monkeypatch.setattr(backward, "_CHUNK_BYTES", 700)
    monkeypatch.setattr(reader, "_PROBE_BYTES", 64)


def test_the_past_is_what_was_said_then() -> None:
    run_state_machine_as_test(
        PastMachine, settings=settings(max_examples=25, stateful_step_count=25)
    )


def test_an_explanation_that_looks_at_little_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "SEARCHED_BYTES_MAX", 1600)
    run_state_machine_as_test(
        HastyMachine, settings=settings(max_examples=25, stateful_step_count=25)
    )


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_the_past_is_what_was_said_then_in_long_lives() -> None:
    run_state_machine_as_test(
        PastMachine, settings=settings(max_examples=500, stateful_step_count=60)
    )
