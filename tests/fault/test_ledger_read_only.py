"""The disk refuses a write: reads go on, nothing is promised, and the tenant comes back by itself."""

import asyncio

import pytest

from holdfast.domain.commands import Command
from holdfast.domain.records import STOCK
from holdfast.ledger.port import ReservationFilter, Unavailable
from tests.support.gated_disk import Step as DiskStep
from tests.support.opened import (
    COOLDOWN_MS,
    Tenant,
    begun,
    code_of,
    demand_rising,
    ended,
    hold_of,
    journal_of,
    stock_of,
    tables_of,
    until,
    with_a_tenant,
)
from tests.support.steps import command_of, step
from tests.support.virtual_time import VirtualClock, live, settle

RECEIVE = step("receive", store="S", sku="A", qty=10)
FLUSH_DEADLINE_MS = 10_000


def reserve(name: str, ttl: int | None = 5_000) -> Command:
    asked = step("reserve", id=name, store="S", lines=[("A", 1)], user="ann", ttl=ttl)
    return command_of(asked)


async def refused_by_a_broken_disk(tenant: Tenant, broken: DiskStep) -> None:
    tenant.disk.broken.add(broken)
    with pytest.raises(Unavailable) as refused:
        await tenant.ask(step("count", store="S", sku="A", counted=3))
    assert refused.value.code == "journal_unavailable"
    assert refused.value.detail
    assert 0 < refused.value.retry_after_ms <= COOLDOWN_MS


@pytest.mark.parametrize("broken", ["write", "fdatasync"])
def test_after_a_disk_error_reads_go_on_and_writing_comes_back_by_itself(
    broken: DiskStep,
) -> None:
    tenant = Tenant(VirtualClock())

    async def scenario() -> None:
        await tenant.open()
        await tenant.ask(RECEIVE)
        await refused_by_a_broken_disk(tenant, broken)
        assert not tenant.can_write()
        reading = await tenant.ledger.read()
        assert (stock_of(reading).on_hand, reading.exact, reading.sequence) == (10, True, 1)
        await tenant.pass_time(COOLDOWN_MS - 1)
        with pytest.raises(Unavailable) as refused:
            await tenant.ask(RECEIVE)
        assert (refused.value.code, refused.value.retry_after_ms) == ("read_only", 1)
        tenant.disk.broken.clear()
        await tenant.pass_time(1)
        assert tenant.can_write()
        answer = await tenant.ask(RECEIVE)
        assert (answer.stock[0].on_hand, answer.stock[0].version) == (20, 2)
        assert [event.type for event in await journal_of(tenant.ledger)] == ["StockReceived"] * 2
        assert tenant.seen == await journal_of(tenant.ledger)
        seen = tables_of(await tenant.ledger.read())
        await tenant.crash(power_cut=True)
        assert tenant.replayed(from_checkpoint=False) == seen

    live(tenant.clock, scenario)


@pytest.mark.parametrize("broken", ["write", "fdatasync"])
def test_a_disk_that_stays_broken_is_asked_once_per_cool_down(broken: DiskStep) -> None:
    tenant = Tenant(VirtualClock())

    async def scenario() -> None:
        await tenant.open()
        await tenant.ask(RECEIVE)
        await refused_by_a_broken_disk(tenant, broken)
        for _ in range(3):
            asked_before = len(tenant.disk.log)
            await tenant.pass_time(COOLDOWN_MS // 2)
            assert len(tenant.disk.log) == asked_before
            await tenant.pass_time(COOLDOWN_MS // 2)
            if tenant.ledger.writable:
                await refused_by_a_broken_disk(tenant, broken)
            with pytest.raises(Unavailable) as refused:
                await tenant.ask(RECEIVE)
            assert (refused.value.code, refused.value.retry_after_ms) == ("read_only", COOLDOWN_MS)
        tenant.disk.broken.clear()
        await tenant.pass_time(COOLDOWN_MS)
        assert (await tenant.ask(RECEIVE)).stock[0].on_hand == 20
        assert tenant.ledger.last_sequence == 2
        await tenant.crash()

    live(tenant.clock, scenario)


@pytest.mark.parametrize("hangs", [False, True], ids=["fails", "hangs"])
def test_one_tenants_disk_is_no_affair_of_the_others(hangs: bool) -> None:
    clock = VirtualClock()
    sick, well = Tenant(clock), Tenant(clock)

    async def scenario() -> None:
        for tenant in (sick, well):
            await tenant.open()
            await tenant.ask(RECEIVE)
        task = await sick.begin_and_hold(RECEIVE)
        assert (await well.ask(RECEIVE)).stock[0].on_hand == 20, "nobody waits for the other's disk"
        if hangs:
            await sick.pass_time(FLUSH_DEADLINE_MS)
        else:
            await sick.let_flush_end(fails=True)
        assert await ended(task) == "journal_unavailable"
        assert (sick.can_write(), well.can_write()) == (False, True)
        assert (await well.ask(RECEIVE)).stock[0].on_hand == 30
        sick.disk.let_all_go()
        await sick.pass_time(COOLDOWN_MS)
        assert sick.can_write()
        told = {name: sick.counted[name] for name in sorted(sick.counted)}
        assert told == {"breakerClosed": 1, "breakerHalfOpen": 1, "breakerOpen": 1}
        assert not well.counted
        for tenant in (sick, well):
            await tenant.crash()

    live(clock, scenario)


@with_a_tenant
async def test_a_flush_that_hangs_counts_as_failed_at_its_deadline(tenant: Tenant) -> None:
    await tenant.ask(RECEIVE)
    task = await tenant.begin_and_hold(RECEIVE)
    refused = await tenant.begin(step("ship", store="S", sku="A", qty=21))
    tenant.clock.advance(FLUSH_DEADLINE_MS - 1)
    await settle()
    assert tenant.can_write()
    tenant.clock.advance(1)
    await settle()
    assert not tenant.can_write()
    assert await ended(task) == "journal_unavailable"
    assert await ended(refused) == "read_only"
    assert stock_of(await tenant.ledger.read()).on_hand == 10
    # The flush that hung ends well, too late: nobody may take it for done.
    tenant.disk.let_go()
    await tenant.pass_time(COOLDOWN_MS)
    assert tenant.ledger.last_sequence == 1
    assert (await tenant.ask(step("count", store="S", sku="A", counted=4))).stock[0].version == 2
    events = await journal_of(tenant.ledger)
    assert [event.type for event in events] == ["StockReceived", "StockCounted"]
    await tenant.crash(power_cut=True)
    await tenant.open()
    assert await journal_of(tenant.ledger) == events


@with_a_tenant
async def test_deadlines_that_come_while_nothing_can_be_written_are_worked_out(
    tenant: Tenant,
) -> None:
    await tenant.ask(RECEIVE)
    await tenant.ledger.execute(reserve("r1"))
    until_ms = tenant.clock.wall_ms() + 5_000
    await tenant.ask(step("out", store="S", sku="A", out=True, until=until_ms))
    await refused_by_a_broken_disk(tenant, "fdatasync")
    before = await tenant.ledger.read()
    assert (before.exact, stock_of(before).reserved, stock_of(before).is_out) == (True, 1, True)
    await tenant.pass_time(4_999)
    assert hold_of(await tenant.ledger.read(), "r1").status == "active"
    await tenant.pass_time(1)
    told = list(tenant.seen)
    for _ in range(2):
        reading = await tenant.ledger.read()
        assert not reading.exact
        assert hold_of(reading, "r1").status == "expired"
        assert (stock_of(reading).reserved, stock_of(reading).is_out) == (0, False)
        page, _ = reading.reservation_page(ReservationFilter(status="expired"), None, 10)
        assert [each.reservation_id for each in page] == ["r1"]
        assert reading.reservation_page(ReservationFilter(status="active"), None, 10)[0] == []
        assert reading.stock_page(None, None, None, 10) == [stock_of(reading)]
        assert reading.sequence == 3
    assert tenant.seen == told
    tenant.disk.broken.clear()
    await tenant.pass_time(COOLDOWN_MS)
    reading = await tenant.ledger.read()
    assert reading.exact
    assert hold_of(reading, "r1").status == "expired"
    events = await journal_of(tenant.ledger)
    assert [event.type for event in events[3:]] == ["ReservationExpired", "StockUnmarkedOut"]
    assert tenant.seen == events
    demand_rising(events)


@with_a_tenant
async def test_what_was_worked_out_leaves_no_trace_when_the_process_ends(tenant: Tenant) -> None:
    await tenant.ask(RECEIVE)
    await tenant.ledger.execute(reserve("r1"))
    await refused_by_a_broken_disk(tenant, "write")
    await tenant.pass_time(5_000)
    assert not (await tenant.ledger.read()).exact
    await tenant.close()
    tenant.disk.broken.clear()
    await tenant.open()
    reading = await tenant.ledger.read()
    assert (reading.sequence, hold_of(reading, "r1").status) == (3, "expired")
    assert tenant.replayed(from_checkpoint=True) == tables_of(reading)
    assert tenant.replayed(from_checkpoint=False) == tables_of(reading)


@with_a_tenant
async def test_who_waits_to_read_past_a_deadline_learns_of_it_when_the_flush_fails(
    tenant: Tenant,
) -> None:
    await tenant.ask(RECEIVE)
    await tenant.ledger.execute(reserve("r1"))
    tenant.disk.hold()
    tenant.clock.advance(5_000)
    read = await begun(tenant.ledger.read())
    await asyncio.to_thread(tenant.disk.wait_until_held)
    assert not read.done()
    tenant.disk.let_go(fails=True)
    await until(read.done)
    reading = read.result()
    assert (reading.exact, reading.sequence) == (False, 2)
    assert hold_of(reading, "r1").status == "expired"


@with_a_tenant
async def test_a_tenant_that_closes_shows_and_saves_nothing_that_is_not_written(
    tenant: Tenant,
) -> None:
    """A reader who comes while the last flush is under way meets a deadline."""
    await tenant.ask(RECEIVE)
    await tenant.ledger.execute(reserve("r1"))
    task = await tenant.begin_and_hold(RECEIVE)
    closing = await begun(tenant.ledger.close())
    tenant.clock.advance(5_000)
    read = await begun(tenant.ledger.read())
    tenant.disk.let_go()
    await asyncio.wait([closing, read])
    assert code_of(await task) == "ok"
    assert [event.sequence for event in tenant.seen] == [1, 2, 3]
    saved = tenant.replayed(from_checkpoint=True)
    assert saved == tenant.replayed(from_checkpoint=False)
    closing.result()


@with_a_tenant
async def test_a_close_on_a_disk_that_fails_ends_all_the_same(tenant: Tenant) -> None:
    await tenant.ask(RECEIVE)
    tenant.disk.broken.update({"write", "fdatasync"})
    await tenant.close()
    tenant.disk.broken.clear()
    await tenant.open()
    assert stock_of(await tenant.ledger.read()).on_hand == 10


@with_a_tenant
async def test_a_tenant_whose_last_flush_fails_while_it_closes_makes_no_probe(
    tenant: Tenant,
) -> None:
    breaker = tenant.ledger.guard.breaker
    task = await tenant.begin_and_hold(RECEIVE)
    closing = asyncio.create_task(tenant.close())
    await settle()
    tenant.disk.let_go(fails=True)
    await closing
    assert await ended(task) == "journal_unavailable"
    await tenant.pass_time(COOLDOWN_MS)
    assert breaker.state == "open"


@with_a_tenant
async def test_a_follower_that_raises_keeps_nobody_from_an_answer(tenant: Tenant) -> None:
    """A defect of whoever looks on must not turn a durable write into one that never answers."""

    def defect(event: object, changes: object) -> None:
        raise ZeroDivisionError("a defect of the follower")

    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    tenant.ledger.follow(defect)
    task = await tenant.begin(RECEIVE)
    await until(lambda: tenant.ledger.last_sequence == 1)
    await settle()
    assert task.done()
    assert code_of(await task) == "ok"
    assert (await tenant.ledger.read()).get(STOCK, ("S", "A")) is not None
