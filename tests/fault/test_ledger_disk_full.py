"""A disk that fills up: commands are refused in time, everything else goes on, and it comes back."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from holdfast.domain.records import RESERVATION
from holdfast.ledger.disk_space import LOOK_EVERY_S
from holdfast.ledger.port import Unavailable
from tests.support.gated_disk import GatedDisk
from tests.support.opened import CHECKPOINT_S, COOLDOWN_MS, FOLDER, Tenant, stock_of, tables_of
from tests.support.steps import Step, step
from tests.support.virtual_time import VirtualClock, live

RESERVE = 64 << 10
LOOK_MS = int(LOOK_EVERY_S * 1000)
KEY = "first"
RECEIVE = step("receive", store="S", sku="A", qty=10, key=KEY)


def with_a_reserve(
    scenario: Callable[[Tenant], Coroutine[Any, Any, None]], room: int = 1 << 30
) -> None:
    """Play a scenario on a disk with so much room."""
    clock = VirtualClock()

    async def play() -> None:
        disk = GatedDisk()
        disk.capacity = room
        tenant = Tenant(clock, disk, reserve_bytes=RESERVE)
        await tenant.open()
        try:
            await scenario(tenant)
        finally:
            if tenant.is_open:
                await tenant.crash()

    live(clock, play)


async def leave_free(tenant: Tenant, free: int) -> None:
    """Let somebody else fill the disk, and the service look at it."""
    disk = tenant.disk
    disk.capacity += free - disk.free_bytes(FOLDER)
    await tenant.pass_time(LOOK_MS)


async def refused(tenant: Tenant, asked: Step) -> Unavailable:
    with pytest.raises(Unavailable) as no:
        await tenant.ask(asked)
    return no.value


def test_commands_are_refused_while_there_is_room_for_a_checkpoint() -> None:
    async def scenario(tenant: Tenant) -> None:
        await tenant.ask(RECEIVE)
        await leave_free(tenant, RESERVE - 1)
        no = await refused(tenant, step("ship", store="S", sku="A", qty=1))
        assert (no.code, no.retry_after_ms) == ("read_only", 5_000)
        assert "nearly full" in no.detail
        assert not tenant.can_write()
        assert tenant.ledger.guard.breaker.state == "closed", "no write failed"
        reading = await tenant.ledger.read()
        assert (stock_of(reading).on_hand, reading.exact) == (10, True)
        assert (await tenant.ask(RECEIVE)).replayed, "who repeats is told what became of it"
        before = tenant.disk.files(FOLDER / "state")
        await tenant.pass_time(CHECKPOINT_S * 1000)
        assert before == []
        assert "MANIFEST.json" in tenant.disk.files(FOLDER / "state")

    with_a_reserve(scenario)


def test_it_comes_back_by_itself_when_there_is_room() -> None:
    async def scenario(tenant: Tenant) -> None:
        await tenant.ask(RECEIVE)
        await leave_free(tenant, 0)
        await refused(tenant, step("ship", store="S", sku="A", qty=1))
        await leave_free(tenant, RESERVE)
        assert not tenant.can_write(), "a little more than the reserve, so that it lasts"
        await leave_free(tenant, 2 * RESERVE)
        assert tenant.can_write()
        await tenant.ask(step("ship", store="S", sku="A", qty=1))
        assert stock_of(await tenant.ledger.read()).on_hand == 9

    with_a_reserve(scenario)


def test_what_falls_due_is_written_from_the_reserve() -> None:
    async def scenario(tenant: Tenant) -> None:
        await tenant.ask(RECEIVE)
        lines = [("A", 4)]
        await tenant.ask(step("reserve", id="r", store="S", lines=lines, ttl=60_000))
        await leave_free(tenant, RESERVE - 1)
        await tenant.pass_time(60_000)
        reading = await tenant.ledger.read()
        assert (stock_of(reading).available, reading.exact) == (10, True)
        kept = reading.get(RESERVATION, ("r",))
        assert kept is not None
        assert kept.status == "expired"
        assert tenant.ledger.last_sequence == 3

    with_a_reserve(scenario)


def test_a_start_on_a_full_disk_reads_and_refuses() -> None:
    async def scenario(tenant: Tenant) -> None:
        await tenant.ask(RECEIVE)
        await tenant.close()
        disk = tenant.disk
        disk.capacity += RESERVE // 2 - disk.free_bytes(FOLDER)
        await tenant.open()
        assert (await refused(tenant, step("ship", store="S", sku="A", qty=1))).code == "read_only"
        assert stock_of(await tenant.ledger.read()).on_hand == 10

    with_a_reserve(scenario)


def test_a_disk_filled_by_our_own_writes_never_fails_one_of_them() -> None:
    async def scenario(tenant: Tenant) -> None:
        done = 0
        while tenant.ledger.writable:
            many = [step("receive", store="S", sku="A", qty=1) for _ in range(20)]
            await asyncio.gather(*(tenant.ask(each) for each in many))
            done += len(many)
            await tenant.pass_time(LOOK_MS)
        assert tenant.ledger.guard.breaker.times_opened == 0
        assert tenant.disk.free_bytes(FOLDER) > 0
        told = tables_of(await tenant.ledger.read())
        assert stock_of(await tenant.ledger.read()).on_hand == done
        await tenant.close()
        await tenant.open()
        assert tables_of(await tenant.ledger.read()) == told

    with_a_reserve(scenario, room=RESERVE * 5)


def test_a_disk_that_fills_between_two_looks_fails_a_write_and_comes_back_too() -> None:
    async def scenario(tenant: Tenant) -> None:
        await tenant.ask(RECEIVE)
        disk = tenant.disk
        disk.capacity -= disk.free_bytes(FOLDER) - 10
        asked = step("ship", store="S", sku="A", qty=1, key="ship")
        assert (await refused(tenant, asked)).code == "journal_unavailable"
        assert stock_of(await tenant.ledger.read()).on_hand == 10
        disk.capacity += 1 << 30
        await tenant.pass_time(COOLDOWN_MS)
        await tenant.pass_time(LOOK_MS)
        await tenant.ask(asked)
        assert stock_of(await tenant.ledger.read()).on_hand == 9

    with_a_reserve(scenario)


def test_a_disk_that_does_not_tell_its_space_is_no_reason_to_stop() -> None:
    async def scenario(tenant: Tenant) -> None:
        def unknown(folder: Path) -> int:
            raise OSError(f"no answer from {folder}")

        await tenant.ask(RECEIVE)
        tenant.disk.free_bytes = unknown  # type: ignore[method-assign]  # the fault
        await tenant.pass_time(LOOK_MS)
        await tenant.ask(step("ship", store="S", sku="A", qty=1))

    with_a_reserve(scenario)
