"""A flush fails under what was decided on it: none of that ever gets out."""

import asyncio

import pytest

from holdfast.domain.rejections import Rejected
from holdfast.ledger.port import Unavailable
from tests.support.opened import (
    COOLDOWN_MS,
    Tenant,
    code_of,
    ended,
    hold_of,
    journal_of,
    stock_of,
    with_a_tenant,
)
from tests.support.steps import Step, command_of, step
from tests.support.virtual_time import settle

RECEIVE = step("receive", store="S", sku="A", qty=1)
COUNT = step("count", store="S", sku="A", counted=7)


def reserve(name: str, qty: int = 1, key: str | None = None) -> Step:
    fields = {"id": name, "store": "S", "lines": [("A", qty)], "user": "ann", "ttl": 60_000}
    return Step("reserve", fields, key)


def confirm(name: str) -> Step:
    return step("confirm", id=name, user="ann")


async def back_again(tenant: Tenant) -> None:
    await tenant.pass_time(COOLDOWN_MS)
    assert tenant.can_write()


@with_a_tenant
async def test_a_refusal_for_a_unit_that_was_never_durably_reserved_does_not_get_out(
    tenant: Tenant,
) -> None:
    await tenant.ask(RECEIVE)
    first = await tenant.begin_and_hold(reserve("r1"))
    second = await tenant.begin(reserve("r2"))
    assert not second.done()
    await tenant.let_flush_end(fails=True)
    assert await ended(first) == "journal_unavailable"
    assert await ended(second) == "read_only"
    await back_again(tenant)
    answer = await tenant.ask(reserve("r3"))
    assert answer.stock[0].version == 2
    assert [event.sequence for event in await journal_of(tenant.ledger)] == [1, 2]


@with_a_tenant
async def test_a_refusal_gets_out_once_what_it_rests_on_is_durable(tenant: Tenant) -> None:
    await tenant.ask(RECEIVE)
    first = await tenant.begin_and_hold(reserve("r1"))
    second = await tenant.begin(reserve("r2"))
    await settle()
    assert not second.done()
    await tenant.let_flush_end(fails=False)
    assert await ended(first) == "ok"
    assert await ended(second) == "insufficient_stock"


@with_a_tenant
async def test_already_confirmed_is_not_said_when_the_first_confirm_is_lost(
    tenant: Tenant,
) -> None:
    await tenant.ask(RECEIVE)
    await tenant.ask(reserve("r1"))
    first = await tenant.begin_and_hold(confirm("r1"))
    again = await tenant.begin(confirm("r1"))
    cancel = await tenant.begin(step("cancel", id="r1", user="ann"))
    assert not again.done()
    assert not cancel.done()
    await tenant.let_flush_end(fails=True)
    assert await ended(first) == "journal_unavailable"
    assert [await ended(again), await ended(cancel)] == ["read_only", "read_only"]
    assert hold_of(await tenant.ledger.read(), "r1").status == "active"
    await back_again(tenant)
    assert (await tenant.ask(confirm("r1"))).reservations[0].version == 2


@with_a_tenant
async def test_a_replay_of_a_lost_answer_does_not_get_out(tenant: Tenant) -> None:
    keyed = step("receive", "k", store="S", sku="A", qty=5)
    first = await tenant.begin_and_hold(keyed)
    again = await tenant.begin(keyed)
    other = await tenant.begin(step("receive", "k", store="S", sku="A", qty=6))
    assert not again.done()
    assert not other.done()
    await tenant.let_flush_end(fails=True)
    assert await ended(first) == "journal_unavailable"
    assert [await ended(again), await ended(other)] == ["read_only", "read_only"]
    await back_again(tenant)
    answer = await tenant.ask(keyed)
    assert not answer.replayed
    assert answer.stock[0].on_hand == 5


@with_a_tenant
async def test_a_key_conflicts_with_another_request_only_once_the_first_is_durable(
    tenant: Tenant,
) -> None:
    keyed = step("receive", "k", store="S", sku="A", qty=5)
    first = await tenant.begin_and_hold(keyed)
    other = await tenant.begin(step("receive", "k", store="S", sku="A", qty=6))
    assert not other.done()
    await tenant.let_flush_end(fails=False)
    assert await ended(other) == "idempotency_mismatch"
    assert await ended(first) == "ok"


@with_a_tenant
async def test_a_version_conflict_with_a_lost_version_does_not_get_out(tenant: Tenant) -> None:
    await tenant.ask(RECEIVE)
    first = await tenant.begin_and_hold(COUNT)
    second = await tenant.begin(step("adjust", store="S", sku="A", delta=1, expected=1))
    third = await tenant.begin(step("adjust", store="S", sku="A", delta=1, expected=2))
    await tenant.let_flush_end(fails=True)
    codes = [await ended(task) for task in (first, second, third)]
    # The third was staged behind the flush and never written: it is decided anew.
    assert codes == ["journal_unavailable", "read_only", "read_only"]
    assert stock_of(await tenant.ledger.read()).version == 1


@with_a_tenant
async def test_what_only_queued_behind_a_failed_flush_is_not_of_unknown_outcome(
    tenant: Tenant,
) -> None:
    first = await tenant.begin_and_hold(RECEIVE)
    queued = await tenant.begin(COUNT)
    await tenant.let_flush_end(fails=True)
    assert await ended(first) == "journal_unavailable"
    assert await ended(queued) == "read_only"
    with pytest.raises(Unavailable) as refused:
        await tenant.ask(COUNT)
    assert refused.value.code == "read_only"
    assert 0 < refused.value.retry_after_ms <= COOLDOWN_MS


@with_a_tenant
async def test_readers_and_followers_see_nothing_of_a_flush_that_fails(tenant: Tenant) -> None:
    await tenant.ask(RECEIVE)
    told = list(tenant.seen)
    task = await tenant.begin_and_hold(COUNT)
    assert stock_of(await tenant.ledger.read()).on_hand == 1
    assert tenant.seen == told
    assert len(await tenant.ledger.events(0, 10)) == 1
    assert tenant.ledger.last_sequence == 1
    await tenant.let_flush_end(fails=True)
    assert await ended(task) == "journal_unavailable"
    reading = await tenant.ledger.read()
    assert (stock_of(reading).on_hand, reading.sequence) == (1, 1)
    assert tenant.seen == told == await journal_of(tenant.ledger)


@with_a_tenant
async def test_a_flush_makes_visible_what_it_wrote_and_nothing_that_queued_behind_it(
    tenant: Tenant,
) -> None:
    first = await tenant.begin_and_hold(RECEIVE)
    queued = await tenant.begin(COUNT)
    tenant.disk.hold()
    await tenant.let_flush_end(fails=False)
    await asyncio.to_thread(tenant.disk.wait_until_held)
    assert await ended(first) == "ok"
    assert not queued.done()
    reading = await tenant.ledger.read()
    assert (stock_of(reading).on_hand, reading.sequence) == (1, 1)
    assert [event.sequence for event in tenant.seen] == [1]
    assert len(await tenant.ledger.events(0, 10)) == 1
    await tenant.let_flush_end(fails=True)
    assert await ended(queued) == "journal_unavailable"
    assert [event.sequence for event in tenant.seen] == [1]
    assert stock_of(await tenant.ledger.read()).on_hand == 1


@with_a_tenant
async def test_a_row_refused_on_a_lost_mark_is_not_answered(tenant: Tenant) -> None:
    """A bulk load's place is staged like everything else."""
    from holdfast.domain.commands import SourceLine

    row = command_of(RECEIVE, source=SourceLine("load", 0, 1))
    tenant.disk.hold()
    first = asyncio.create_task(tenant.ledger.execute(row))
    await asyncio.to_thread(tenant.disk.wait_until_held)
    repeated = asyncio.create_task(tenant.ledger.execute(row))
    await settle()
    assert not repeated.done()
    await tenant.let_flush_end(fails=True)
    assert await ended(first) == "journal_unavailable"
    assert await ended(repeated) == "read_only"


# Many commands of one caller share flushes, and their fate.


@with_a_tenant
async def test_of_many_commands_none_is_acknowledged_when_their_flush_fails(
    tenant: Tenant,
) -> None:
    await tenant.ask(step("receive", store="S", sku="A", qty=3))
    commands = [command_of(reserve(f"r{number}")) for number in range(1, 6)]
    tenant.disk.hold()
    task = asyncio.create_task(tenant.ledger.execute_many(commands))
    await asyncio.to_thread(tenant.disk.wait_until_held)
    await tenant.let_flush_end(fails=True)
    assert task.done(), "those behind the first wait for a flush that will never be theirs"
    assert {code_of(result) for result in await task} <= {"journal_unavailable", "read_only"}


@with_a_tenant
async def test_of_many_commands_none_takes_a_later_event_for_its_own(tenant: Tenant) -> None:
    """After a failure the sequences of what was lost are given out again."""
    commands = [command_of(step("receive", store="S", sku=f"A{each}", qty=1)) for each in range(5)]
    tenant.disk.hold()
    task = asyncio.create_task(tenant.ledger.execute_many(commands))
    await asyncio.to_thread(tenant.disk.wait_until_held)
    await tenant.let_flush_end(fails=True)
    await back_again(tenant)
    for _ in range(6):
        await tenant.ask(RECEIVE)
    assert "ok" not in [code_of(result) for result in await task]


@with_a_tenant
async def test_a_load_that_stops_when_the_disk_fails_ends_with_that_answer(
    tenant: Tenant,
) -> None:
    await tenant.ask(step("receive", store="S", sku="A", qty=3))
    commands = [command_of(reserve(f"r{number}")) for number in range(1, 6)]
    tenant.disk.hold()
    task = asyncio.create_task(tenant.ledger.execute_many(commands, stop_when_unavailable=True))
    await asyncio.to_thread(tenant.disk.wait_until_held)
    await tenant.let_flush_end(fails=True)
    codes = [code_of(result) for result in await task]
    assert codes[-1] in {"journal_unavailable", "read_only"}
    assert "ok" not in codes
    refused = await tenant.ledger.execute_many(commands, stop_when_unavailable=True)
    assert [code_of(result) for result in refused] == ["read_only"]


@with_a_tenant
async def test_many_commands_are_answered_each_by_its_own_outcome(tenant: Tenant) -> None:
    commands = [
        command_of(step("receive", store="S", sku="A", qty=2)),
        command_of(reserve("r1", 3)),
        command_of(reserve("r2", 2)),
        command_of(reserve("r3", 1)),
        command_of(step("ship", store="S", sku="B", qty=1)),
    ]
    results = await tenant.ledger.execute_many(commands)
    codes = [code_of(result) for result in results]
    assert codes == ["ok", "insufficient_stock", "ok", "insufficient_stock", "not_found"]
    assert isinstance(results[3], Rejected)
    assert results[3].data["shortages"][0]["available"] == 0
