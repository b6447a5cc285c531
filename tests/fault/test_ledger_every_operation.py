"""Fail the Nth disk operation, in every way, for every N: no answer was a lie.

A shop's day is played with a key on every request. Somewhere the disk fails. Then the process
dies, what is left on the disk is opened again, and every request is repeated under its key:
what was acknowledged replays its answer, what was not happens now, and nothing happened twice.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from holdfast.domain.records import STOCK, Outcome, StockRecord
from holdfast.journal import JournalError
from holdfast.ledger.port import Unavailable
from tests.support.gated_disk import GatedDisk, found_by_the_next_process
from tests.support.opened import (
    COOLDOWN_MS,
    FOLDER,
    TENANT,
    Tenant,
    demand_rising,
    demand_sound,
    journal_of,
    tables_of,
)
from tests.support.steps import Step, step
from tests.support.virtual_time import VirtualClock, live, settle
from tests.unit.journal.simulated_disk import Action, Fault

SEED = 11
TRIES = 3
FLUSH_DEADLINE_MS = 10_000
DAY_MS = 24 * 3600 * 1000


def requests_of_a_day() -> Iterator[list[Step]]:
    """Requests, in groups that are sent at the same instant."""
    yield [step("receive", store="S", sku="A", qty=10), step("receive", store="S", sku="B", qty=3)]
    yield [
        step("reserve", id="r1", store="S", lines=[("A", 4), ("B", 1)], ttl=None, user="ann"),
        step("reserve", id="r2", store="S", lines=[("A", 6)], ttl=None, user="bob"),
        step("adjust", store="S", sku="A", delta=5),
    ]
    yield [step("confirm", id="r1", user="ann"), step("cancel", id="r2", user="bob")]
    yield [step("transfer", source="S", target="T", lines=[("A", 2), ("B", 1)])]
    yield [
        step("count", store="S", sku="A", counted=7),
        step("out", store="S", sku="B", out=True),
        step("ship", store="S", sku="A", qty=1),
    ]


def keyed(group: list[Step], number: int) -> list[Step]:
    return [
        each._replace(key=f"k{number}.{place}", key_ttl_ms=DAY_MS)
        for place, each in enumerate(group)
    ]


DAY = [keyed(group, number) for number, group in enumerate(requests_of_a_day())]


def demand_a_reason(no: Unavailable) -> None:
    assert no.code in {"journal_unavailable", "read_only"}
    assert no.retry_after_ms > 0


class Witness:
    """What a client was told, by the key that it used."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, Outcome] = {}

    async def send(self, tenant: Tenant, asked: Step) -> None:
        """Send one request; its answer, once there is one, stays what it is."""
        assert asked.key is not None
        try:
            outcome = await tenant.ask(asked)
        except Unavailable as no:
            demand_a_reason(no)
        else:
            known = self.acknowledged.setdefault(asked.key, outcome._replace(replayed=True))
            assert outcome in (known, known._replace(replayed=False))

    def knows(self, group: list[Step]) -> bool:
        return {asked.key for asked in group} <= set(self.acknowledged)


async def play(tenant: Tenant, witness: Witness) -> None:
    """Send the day's requests; a client that is told to try again does so, three times."""
    await tenant.open()
    for group in DAY:
        for _ in range(TRIES):
            await send_at_once(tenant, witness, group)
            demand_sound(tables_of(await tenant.ledger.read()))
            if witness.knows(group):
                break
            await tenant.pass_time(COOLDOWN_MS)
        else:
            return


async def send_at_once(tenant: Tenant, witness: Witness, group: list[Step]) -> None:
    await to_the_end(tenant, [witness.send(tenant, asked) for asked in group])


async def to_the_end(tenant: Tenant, work: list[Coroutine[Any, Any, None]]) -> None:
    """Run to the end; where the disk hangs, let time pass until it is given up."""
    tasks = [asyncio.create_task(each) for each in work]
    while not all(task.done() for task in tasks):
        await settle()
        if tenant.disk.hanging.is_set():
            tenant.disk.hanging.clear()
            tenant.clock.advance(FLUSH_DEADLINE_MS)
            await settle()
            tenant.disk.release.set()
        await asyncio.to_thread(int)
    for task in tasks:
        task.result()


async def live_one_day(disk: GatedDisk, clock: VirtualClock, witness: Witness) -> GatedDisk:
    """Play until the end or until the disk gives up; returns what the next process finds."""
    tenant = Tenant(clock, disk)
    try:
        await play(tenant, witness)
        await to_the_end(tenant, [tenant.close()])
    except JournalError:
        if disk.fault is None or not disk.fault.struck:
            raise
    if tenant.is_open:
        await tenant.crash()
        return tenant.disk
    return found_by_the_next_process(disk)


async def repeat_the_day(tenant: Tenant, witness: Witness) -> None:
    """Send everything again under its key: the acknowledged must replay what they said."""
    for group in DAY:
        for asked in group:
            assert asked.key is not None
            outcome = await tenant.ask(asked)
            known = witness.acknowledged.get(asked.key)
            assert known in (None, outcome), asked
            assert known is None or outcome.replayed


def check(disk: GatedDisk, clock: VirtualClock, witness: Witness, *, power_cut: bool) -> None:
    async def after() -> None:
        tenant = Tenant(clock, found_by_the_next_process(disk, power_cut=power_cut))
        await tenant.open()
        events = await journal_of(tenant.ledger)
        ids = [event.event_id for event in events]
        assert len(set(ids)) == len(ids)
        keys = [event.key.key for event in events if event.key is not None]
        assert len(set(keys)) == len(keys)
        assert set(witness.acknowledged) <= set(keys)
        demand_rising(events)
        await repeat_the_day(tenant, witness)
        reading = await tenant.ledger.read()
        stock = {key: levels(each) for key, each in reading.records(STOCK).items()}
        assert len(await journal_of(tenant.ledger)) == sum(map(len, DAY))
        assert {key[0] for key in stock} == {"S", "T"}
        # Every request happened once, in whatever order those of one instant did: one B is taken.
        assert stock["T", "A"] == (2, 0)
        assert stock["S", "B"][0] + stock["T", "B"][0] == 2
        demand_sound(tables_of(reading))
        await tenant.crash()

    live(clock, after)


def levels(record: StockRecord) -> tuple[int, int]:
    return record.on_hand, record.reserved


def lives(fault: Fault | None, *, power_cut: bool) -> GatedDisk:
    clock, witness = VirtualClock(), Witness()
    disk = provisioned()
    disk.fault = fault
    left = live(clock, lambda: live_one_day(disk, clock, witness))
    check(left, clock, witness, power_cut=power_cut)
    if fault is None:
        assert len(witness.acknowledged) == sum(map(len, DAY))
    return disk


def provisioned() -> GatedDisk:
    """A disk with the tenant's empty journal on it; the operations count from there."""
    from holdfast.journal import create

    disk = GatedDisk(SEED)
    create(FOLDER / "journal", TENANT, disk)
    disk.log.clear()
    return disk


def operations() -> int:
    return len(lives(None, power_cut=False).log)


@pytest.mark.parametrize("power_cut", [False, True], ids=["kill", "power cut"])
@pytest.mark.parametrize(
    ("action", "forever"),
    [
        ("error", False),
        ("error", True),
        ("short", False),
        ("short", True),
        ("kill_before", False),
        ("kill_after", False),
    ],
)
def test_whichever_operation_fails_no_answer_was_a_lie(
    action: Action, forever: bool, power_cut: bool
) -> None:
    for number in range(1, operations() + 1):
        print(f"{action} at operation {number}")
        lives(Fault(number, action, forever), power_cut=power_cut)


def test_whichever_flush_hangs_no_answer_was_a_lie() -> None:
    log = lives(None, power_cut=False).log
    flushes = [number for number, each in enumerate(log, 1) if each.startswith("fdatasync")]
    for number in flushes:
        print(f"hangs at operation {number}")
        lives(Fault(number, "hang"), power_cut=True)
