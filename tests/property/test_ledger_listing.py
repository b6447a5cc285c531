"""Lists by pages: whatever was put in, in whatever order, a walk finds what a plain sort finds."""

import asyncio
from operator import itemgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from holdfast.domain.commands import Command, RefuseRow, SourceLine
from holdfast.domain.records import RESERVATION, STOCK, Key, Reservation, StockRecord
from holdfast.domain.rejections import Rejected
from holdfast.ledger import listing
from holdfast.ledger.listing import SortedKeys
from holdfast.ledger.port import Reading, ReservationFilter
from tests.support.opened import Tenant
from tests.support.steps import Step, step
from tests.support.virtual_time import VirtualClock, live

WORDS = st.text("ab.Z9", min_size=1, max_size=3)
KEYS = st.one_of(st.tuples(WORDS), st.tuples(WORDS, WORDS))


class SortedKeysMachine(RuleBasedStateMachine):
    """A set and `sorted` say what must be found."""

    def __init__(self) -> None:
        super().__init__()
        self.tested = SortedKeys()
        self.known: set[Key] = set()

    @rule(key=KEYS)
    def add(self, key: Key) -> None:
        self.tested.add(key)
        self.known.add(key)

    @rule(keys=st.lists(KEYS, max_size=12))
    def add_many(self, keys: list[Key]) -> None:
        for key in keys:
            self.add(key)

    @rule(pick=st.integers(0, 50))
    def discard(self, pick: int) -> None:
        if self.known:
            gone = sorted(self.known)[pick % len(self.known)]
            self.tested.discard(gone)
            self.known.discard(gone)

    @rule(key=KEYS)
    def walk_from_anywhere(self, key: Key) -> None:
        assert list(self.tested.above(key)) == sorted(each for each in self.known if each > key)

    @invariant()
    def a_walk_finds_all(self) -> None:
        assert list(self.tested.above(("",))) == sorted(self.known)


def test_sorted_keys_are_what_a_plain_sort_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_RUN", 3)
    run_state_machine_as_test(
        SortedKeysMachine, settings=settings(max_examples=150, stateful_step_count=30)
    )


def test_keys_are_found_in_the_order_of_what_they_are_sorted_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "_RUN", 3)
    pairs: list[Key] = [(str(number % 7), str(number % 11)) for number in range(77)]
    keys = SortedKeys(pairs[:40], by=itemgetter(1, 0))
    for pair in pairs[40:]:
        keys.add(pair)
    for pair in pairs[::5]:
        keys.discard(pair)
    left = [pair for number, pair in enumerate(pairs) if number % 5]
    assert list(keys.above(("", ""))) == sorted(left, key=itemgetter(1, 0))
    for pair in pairs:
        keys.discard(pair)
    keys.add(("a", "b"))
    assert list(keys.above(("", ""))) == [("a", "b")]


def test_many_keys_in_no_order_are_found_in_order_and_taken_away() -> None:
    keys = SortedKeys()
    # Every odd number, in an order that is neither rising nor falling.
    numbers = [(f"{number * 7919 % 20_011:06d}",) for number in range(1, 20_000, 2)]
    for key in numbers:
        keys.add(key)
    assert list(keys.above(("",))) == sorted(numbers)
    for key in numbers[:9_000]:
        keys.discard(key)
    assert list(keys.above(("",))) == sorted(numbers[9_000:])
    for key in numbers[:10]:
        keys.add(key)
    assert list(keys.above(("",))) == sorted(numbers[9_000:] + numbers[:10])


PLACES = st.lists(st.tuples(st.sampled_from("PQR"), WORDS), min_size=1, max_size=25)
ENDS = st.sampled_from(["active", "confirmed", "cancelled"])
HOLDS = st.lists(
    st.tuples(WORDS, st.sampled_from(["ann", "bob", None]), ENDS, st.integers(0, 20)), max_size=12
)
LIMITS = st.integers(1, 7)


@settings(max_examples=60)
@given(places=PLACES, holds=HOLDS, limit=LIMITS, lines=st.sets(st.integers(1, 40), max_size=9))
def test_a_walk_by_pages_finds_each_record_once_in_order(
    places: list[tuple[str, str]],
    holds: list[tuple[str, str | None, str, int]],
    limit: int,
    lines: set[int],
) -> None:
    tenant = Tenant(VirtualClock())

    async def scenario() -> None:
        await tenant.open()
        await fill(tenant, places, holds)
        await refuse_rows(tenant, sorted(lines))
        demand_pages(await tenant.ledger.read(), limit, sorted(lines))
        # The lists of a start are made from a checkpoint, those before from events.
        await tenant.close()
        await tenant.open()
        demand_pages(await tenant.ledger.read(), limit, sorted(lines))
        await tenant.crash()

    live(tenant.clock, scenario)


async def fill(
    tenant: Tenant,
    places: list[tuple[str, str]],
    holds: list[tuple[str, str | None, str, int]],
) -> None:
    receives = [step("receive", store=store, sku=sku, qty=50) for store, sku in places]
    await asyncio.gather(*(tenant.ask(each) for each in receives))
    made: set[str] = set()
    for name, user, end, pick in holds:
        if name in made:
            continue
        made.add(name)
        store, sku = places[pick % len(places)]
        fields = {"id": name, "store": store, "lines": [(sku, 1)], "user": user, "ttl": None}
        await tenant.ask(Step("reserve", fields))
        if end != "active":
            verb = {"confirmed": "confirm", "cancelled": "cancel"}[end]
            await tenant.ask(step(verb, id=name, user=user))


async def refuse_rows(tenant: Tenant, lines: list[int]) -> None:
    for before, line in zip([0, *lines], lines, strict=False):
        refused = RefuseRow("validation_error", f"line {line}")
        source = SourceLine("load", before, line)
        with pytest.raises(Rejected, match=f"^line {line}$"):
            await tenant.ledger.execute(Command(refused, "e", "clerk", "q", source=source))


def demand_pages(reading: Reading, limit: int, lines: list[int]) -> None:
    stock = sorted(reading.records(STOCK).values(), key=lambda each: each.key)
    for store in (None, "P", "Q", "nowhere"):
        for sku in (None, "a", "Z9"):
            wanted = [
                each for each in stock if store in (None, each.store_id) and sku in (None, each.sku)
            ]
            assert walked_stock(reading, store, sku, limit) == wanted
    holds = sorted(reading.records(RESERVATION).values(), key=lambda each: each.key)
    for status in (None, "active", "cancelled"):
        for user in (None, "ann"):
            for store in (None, "Q"):
                wanted_holds = [
                    each
                    for each in holds
                    if status in (None, each.status)
                    and user in (None, each.user_id)
                    and store in (None, each.store_id)
                ]
                asked = ReservationFilter(status, user, store)
                assert walked_holds(reading, asked, limit) == wanted_holds
    demand_refusals(reading, limit, lines)


def demand_refusals(reading: Reading, limit: int, lines: list[int]) -> None:
    found: list[int] = []
    while page := reading.refusal_page("load", found[-1] if found else 0, limit):
        assert len(page) <= limit
        found += [refusal.line for refusal in page]
    assert found == lines
    assert reading.refusal_page("another", 0, limit) == []


def walked_stock(
    reading: Reading, store: str | None, sku: str | None, limit: int
) -> list[StockRecord]:
    found: list[StockRecord] = []
    while page := reading.stock_page(store, sku, found[-1].key if found else None, limit):
        assert len(page) <= limit
        found += page
    return found


def walked_holds(reading: Reading, wanted: ReservationFilter, limit: int) -> list[Reservation]:
    found: list[Reservation] = []
    after: Key | None = None
    while True:
        page, after = reading.reservation_page(wanted, after, limit)
        assert len(page) <= limit
        found += page
        if after is None:
            return found


@given(places=PLACES, after=st.tuples(st.sampled_from("OPQRS"), WORDS), limit=LIMITS)
@settings(max_examples=40)
def test_a_page_may_begin_behind_a_key_that_is_not_there(
    places: list[tuple[str, str]], after: tuple[str, str], limit: int
) -> None:
    tenant = Tenant(VirtualClock())

    async def scenario() -> None:
        await tenant.open()
        await fill(tenant, places, [])
        reading = await tenant.ledger.read()
        known = sorted(set(places))
        for store in (None, "P"):
            wanted = [key for key in known if key > after and store in (None, key[0])]
            page = reading.stock_page(store, None, after, limit)
            assert [each.key for each in page] == wanted[:limit]
        await tenant.crash()

    live(tenant.clock, scenario)
