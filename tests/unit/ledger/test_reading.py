"""What readers see around deadlines: never a hold past its time, never what is not durable."""

import asyncio
from collections.abc import Callable

import pytest

from holdfast.domain.records import KEY
from holdfast.ledger.port import Reading
from tests.support.opened import (
    Tenant,
    begun,
    ended,
    hold_of,
    journal_of,
    stock_of,
    with_a_tenant,
)
from tests.support.steps import Step, step
from tests.support.virtual_time import VirtualClock, live, settle

TTL_MS = 5_000
RECEIVE = step("receive", store="S", sku="A", qty=10)
RESERVE = step("reserve", id="r1", store="S", lines=[("A", 4)], user="ann", ttl=TTL_MS)


async def reserved(tenant: Tenant) -> None:
    await tenant.ask(RECEIVE)
    await tenant.ask(RESERVE)


def demand_released(reading: Reading) -> None:
    assert reading.exact
    assert hold_of(reading, "r1").status == "expired"
    record = stock_of(reading)
    assert (record.on_hand, record.reserved, record.version) == (10, 0, 3)


@with_a_tenant
async def test_one_ms_before_its_deadline_a_reservation_holds(tenant: Tenant) -> None:
    await reserved(tenant)
    tenant.clock.advance(TTL_MS - 1)
    reading = await tenant.ledger.read()
    assert (hold_of(reading, "r1").status, stock_of(reading).reserved) == ("active", 4)
    assert tenant.ledger.last_sequence == 2


@with_a_tenant
async def test_a_read_at_exactly_the_deadline_waits_for_the_event(tenant: Tenant) -> None:
    await reserved(tenant)
    tenant.disk.hold()
    tenant.clock.advance(TTL_MS)
    read = await begun(tenant.ledger.read())
    await asyncio.to_thread(tenant.disk.wait_until_held)
    assert not read.done()
    await tenant.let_flush_end(fails=False)
    demand_released(await read)
    assert [event.type for event in await journal_of(tenant.ledger)][2:] == ["ReservationExpired"]


@with_a_tenant
async def test_a_deadline_is_written_when_it_comes_though_nobody_asks(tenant: Tenant) -> None:
    await reserved(tenant)
    await tenant.pass_time(TTL_MS)
    assert await tenant.ledger.events(2, 10, wait_s=60)
    event = tenant.seen[-1]
    assert (event.type, event.actor, event.ts) == (
        "ReservationExpired",
        "system",
        tenant.clock.wall_ms(),
    )


@with_a_tenant
async def test_what_expires_is_there_for_the_next_buyer_at_that_instant(tenant: Tenant) -> None:
    await reserved(tenant)
    tenant.clock.advance(TTL_MS)
    fields = {"id": "r2", "store": "S", "lines": [("A", 10)], "user": "bob", "ttl": None}
    answer = await tenant.ask(Step("reserve", fields))
    assert (answer.stock[0].reserved, answer.stock[0].version) == (10, 4)
    types = [event.type for event in await journal_of(tenant.ledger)]
    assert types[2:] == ["ReservationExpired", "StockReserved"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (step("cancel", id="r1", user="ann"), "cancelled"),
        (step("confirm", id="r1", user="ann"), "confirmed"),
        (step("extend", id="r1", user="ann", ttl=2 * TTL_MS), "active"),
    ],
)
def test_a_read_past_the_deadline_waits_for_what_was_decided_just_before_it(
    asked: Step, status: str
) -> None:
    tenant = Tenant(VirtualClock())

    async def scenario() -> None:
        await tenant.open()
        await reserved(tenant)
        tenant.clock.advance(TTL_MS - 1)
        task = await tenant.begin_and_hold(asked)
        early = await tenant.ledger.read()
        assert hold_of(early, "r1").status == "active"
        tenant.clock.advance(1)
        read = await begun(tenant.ledger.read())
        assert not read.done(), "an active reservation would be shown past its deadline"
        await tenant.let_flush_end(fails=False)
        hold = hold_of(await read, "r1")
        assert hold.status == status
        assert status != "active" or (hold.expires_at or 0) > tenant.clock.wall_ms()
        assert await ended(task) == "ok"
        await tenant.crash()

    live(tenant.clock, scenario)


@with_a_tenant
async def test_a_mark_that_is_lifted_at_its_time_is_lifted_for_readers_too(
    tenant: Tenant,
) -> None:
    await tenant.ask(RECEIVE)
    at = tenant.clock.wall_ms() + 100
    await tenant.ask(step("out", store="S", sku="A", out=True, until=at))
    tenant.clock.advance(99)
    assert stock_of(await tenant.ledger.read()).is_out
    tenant.disk.hold()
    tenant.clock.advance(1)
    read = await begun(tenant.ledger.read())
    await asyncio.to_thread(tenant.disk.wait_until_held)
    assert not read.done()
    await tenant.let_flush_end(fails=False)
    assert not stock_of(await read).is_out


@with_a_tenant
async def test_deadlines_are_written_in_the_order_in_which_they_fell_due(tenant: Tenant) -> None:
    await tenant.ask(RECEIVE)
    for name, ttl in (("r3", 300), ("r1", 100), ("r2", 200), ("r0", 200)):
        await tenant.ask(step("reserve", id=name, store="S", lines=[("A", 1)], ttl=ttl))
    tenant.clock.advance(1_000)
    await tenant.ledger.read()
    expired = [event.reservations[0].reservation_id for event in tenant.seen[5:]]
    assert expired == ["r1", "r0", "r2", "r3"]


@with_a_tenant
async def test_what_is_short_says_when_more_will_be_released(tenant: Tenant) -> None:
    from holdfast.domain.rejections import Rejected
    from holdfast.domain.values import instant_text

    await reserved(tenant)
    at = tenant.clock.wall_ms()
    await tenant.ask(step("reserve", id="r2", store="S", lines=[("A", 6)], ttl=9_000))
    await tenant.ask(step("extend", id="r1", user="ann", ttl=20_000))
    for release in (at + 9_000, at + 20_000, None):
        with pytest.raises(Rejected) as no:
            await tenant.ask(step("ship", store="S", sku="A", qty=11))
        said = no.value.data["shortages"][0]["nextReleaseAt"]
        assert said == (None if release is None else instant_text(release))
        await tenant.pass_time((release or at) - tenant.clock.wall_ms())


def wall_is_set_back(clock: VirtualClock) -> None:
    clock.set_wall(clock.wall_ms() - 86_400_000)


def wall_is_set_ahead(clock: VirtualClock) -> None:
    clock.set_wall(clock.wall_ms() + TTL_MS)


def test_a_wall_clock_that_is_set_back_stops_no_deadline() -> None:
    assert status_after(wall_is_set_back, TTL_MS - 1) == "active"
    assert status_after(wall_is_set_back, TTL_MS) == "expired"


def test_a_wall_clock_that_is_set_ahead_brings_the_deadline_at_once() -> None:
    assert status_after(wall_is_set_ahead, 0) == "expired"


def status_after(change: Callable[[VirtualClock], None], passed_ms: int) -> str:
    tenant = Tenant(VirtualClock())
    found: list[str] = []

    async def scenario() -> None:
        await tenant.open()
        await reserved(tenant)
        change(tenant.clock)
        tenant.clock.advance(passed_ms)
        found.append(hold_of(await tenant.ledger.read(), "r1").status)
        await tenant.crash()

    live(tenant.clock, scenario)
    return found[0]


@pytest.mark.parametrize("in_good_order", [True, False], ids=["closed", "killed"])
def test_time_goes_on_from_the_last_event_after_a_start_on_a_clock_that_is_behind(
    in_good_order: bool,
) -> None:
    tenant = Tenant(VirtualClock())

    async def scenario() -> None:
        await tenant.open()
        await reserved(tenant)
        at = tenant.clock.wall_ms()
        await (tenant.close() if in_good_order else tenant.crash())
        tenant.clock.set_wall(at - 3_600_000)
        await tenant.open()
        assert (await tenant.ledger.read()).now == at
        tenant.clock.advance(TTL_MS)
        reading = await tenant.ledger.read()
        assert reading.now == at + TTL_MS
        demand_released(reading)
        await tenant.crash()

    live(tenant.clock, scenario)


@with_a_tenant
async def test_what_fell_due_while_nobody_was_there_is_written_at_the_start(
    tenant: Tenant,
) -> None:
    await reserved(tenant)
    await tenant.close()
    tenant.clock.advance(TTL_MS)
    await tenant.open()
    await settle()
    assert await tenant.ledger.events(2, 10, wait_s=60)
    demand_released(await tenant.ledger.read())


@with_a_tenant
async def test_many_readers_at_a_deadline_share_one_event(tenant: Tenant) -> None:
    await reserved(tenant)
    tenant.clock.advance(TTL_MS)
    for reading in await asyncio.gather(*(tenant.ledger.read() for _ in range(50))):
        demand_released(reading)
    assert tenant.ledger.last_sequence == 3


@with_a_tenant
async def test_who_polls_is_woken_by_the_event_and_not_before(tenant: Tenant) -> None:
    poll = await begun(tenant.ledger.events(0, 10, wait_s=30))
    other = await begun(tenant.ledger.events(1, 10, wait_s=30))
    task = await tenant.begin_and_hold(RECEIVE)
    assert not poll.done()
    await tenant.let_flush_end(fails=False)
    assert [event.sequence for event in await poll] == [1]
    assert not other.done()
    tenant.clock.advance(30_000)
    await settle()
    assert await other == []
    assert await ended(task) == "ok"


@with_a_tenant
async def test_the_feed_pages_through_events_in_memory_and_on_disk(tenant: Tenant) -> None:
    for _ in range(25):
        await tenant.ask(RECEIVE)
    await tenant.close()
    await tenant.open()
    for _ in range(25):
        await tenant.ask(RECEIVE)
    found: list[int] = []
    while page := await tenant.ledger.events(found[-1] if found else 0, 7):
        assert len(page) <= 7
        found += [event.sequence for event in page]
    assert found == list(range(1, 51))


@with_a_tenant
async def test_a_key_can_be_seen_once_it_is_durable(tenant: Tenant) -> None:
    await tenant.ask(RECEIVE._replace(key="k"))
    remembered = (await tenant.ledger.read()).get(KEY, ("clerk", "k"))
    assert remembered is not None
    assert remembered.outcome.stock[0].on_hand == 10
