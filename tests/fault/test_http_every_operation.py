"""Fail the Nth operation on the disk under the whole interface: batches, loads, checkpoints.

Every answer is the right one or a 503 that says so; reads are always answered, and truly. When
the disk is well again everything is repeated, and the stock is as if it had never been ill.
"""

from typing import Any

import pytest

from holdfast.domain.records import Key
from tests.support.app_on_disk import App, Asked, Told, levels_of
from tests.support.gated_disk import GatedDisk
from tests.support.opened import CHECKPOINT_S, COOLDOWN_MS, FOLDER, TENANT, Tenant
from tests.support.virtual_time import VirtualClock, live, settle
from tests.unit.journal.simulated_disk import Action, Fault

Levels = dict[Key, tuple[int, int, int]]


def move(op: str, key: str, **fields: Any) -> Asked:
    return Asked("POST", f"/inventory/{op}", {"storeId": "S", **fields}, key)


def row(op: str, **fields: Any) -> dict[str, Any]:
    return {"op": op, "storeId": "S", **fields}


#: Requests under keys, with a checkpoint in between.
MORNING = [
    move("receive", "m1", sku="A", qty=40),
    move("receive", "m2", sku="B", qty=30),
    Asked("POST", "/batch", [row("ship", sku="A", qty=1), row("receive", sku="C", qty=5)], "m3"),
]
AFTERNOON = [
    move("ship", "a1", sku="B", qty=3),
    Asked(
        "POST",
        "/batch",
        [row("adjust", sku="A", delta=2), row("count", sku="C", counted=4)],
        "a2",
        "atomic=true",
    ),
    Asked(
        "POST",
        "/reservations",
        {"storeId": "S", "lines": [{"sku": "A", "qty": 2}], "ttlSeconds": None},
        "a3",
    ),
]
LOAD = [row("receive", sku="D", qty=1, line=line) for line in (1, 2, 3)]
WELL = {200, 201}


def demand_an_answer(asked: Asked, told: Told) -> bool:
    """Whether all of it was done; if not, everything that was not says 503 or was not decided."""
    rows = told.values if isinstance(asked.body, list) and told.status == 200 else [told_row(told)]
    for each in rows:
        status = each.get("status", told.status)
        assert status in {*WELL, 503, 0}, (asked, told)
        if status == 503:
            assert each["code"] in {"journal_unavailable", "read_only"}, each
            assert each["details"]["retryAfterMs"] > 0
    return all(each.get("status", told.status) in WELL for each in rows)


def told_row(told: Told) -> dict[str, Any]:
    body: dict[str, Any] = told.values[0]
    return {"status": told.status} | ({} if told.status in WELL else body)


class Day:
    """A client through one day, who repeats what was not done as long as it takes."""

    def __init__(self, tenant: Tenant, app: App) -> None:
        self.tenant, self.app = tenant, app
        self.acknowledged: dict[str, Told] = {}

    async def live(self, tries: int) -> bool:
        """Whether everything came to be done."""
        done = await self.send(MORNING, tries)
        await self.tenant.pass_time(CHECKPOINT_S * 1000)
        done = await self.send(AFTERNOON, tries) and done
        done = await self.load(tries) and done
        await self.tenant.pass_time(CHECKPOINT_S * 1000)
        return done

    async def send(self, requests: list[Asked], tries: int) -> bool:
        return all([await self.send_one(asked, tries) for asked in requests])

    async def send_one(self, asked: Asked, tries: int) -> bool:
        for _ in range(tries):
            told = await self.app.ask(asked)
            await self.read()
            if demand_an_answer(asked, told):
                return True
            await self.tenant.pass_time(COOLDOWN_MS)
        return False

    async def load(self, tries: int) -> bool:
        for _ in range(tries):
            mark = (await self.app.ask(Asked("GET", "/batch/sources/l"))).values[0]["mark"]
            if mark == len(LOAD):
                return True
            asked = Asked("POST", "/batch", LOAD[mark:], None, f"source=l&after={mark}")
            told = await self.app.ask(asked)
            demand_an_answer(asked, told)
            await self.read()
            await self.tenant.pass_time(COOLDOWN_MS)
        return False

    async def read(self) -> None:
        """Readers are answered, and see what is durable."""
        told = await self.app.ask(Asked("GET", "/stock"))
        assert told.status == 200
        shown = {(each["storeId"], each["sku"]): each for each in told.values[0]["items"]}
        levels = await levels_of(self.tenant)
        assert {key: each["onHand"] for key, each in shown.items()} == {
            key: level[0] for key, level in levels.items()
        }


def provisioned() -> GatedDisk:
    from holdfast.journal import create

    disk = GatedDisk(7)
    create(FOLDER / "journal", TENANT, disk)
    disk.log.clear()
    return disk


async def live_a_day(clock: VirtualClock, disk: GatedDisk, fault: Fault | None) -> Levels:
    """Live it on a disk that fails at some operation after the start; returns the stock at its end."""
    tenant = Tenant(clock, disk)
    await tenant.open()
    started = len(disk.log)
    if fault is not None:
        disk.fault = Fault(started + fault.at, fault.action, fault.forever)
    app = App(tenant)
    day = Day(tenant, app)
    done = await day.live(tries=3)
    if fault is not None:
        assert disk.fault is not None
        assert disk.fault.struck
        assert done or fault.forever, "a disk that fails once is well again after a cool-down"
        disk.fault = None
        await tenant.pass_time(COOLDOWN_MS)
        await settle()
    assert await day.live(tries=3)
    levels = await levels_of(tenant)
    await app.close()
    await tenant.crash()
    await tenant.open()
    assert await levels_of(tenant) == levels
    await tenant.crash()
    return levels


def operations() -> tuple[int, Levels]:
    """How many operations one whole day has behind the start, and the stock behind it."""
    clock, disk = VirtualClock(), provisioned()

    async def count() -> int:
        tenant = Tenant(clock, disk)
        await tenant.open()
        started = len(disk.log)
        app = App(tenant)
        assert await Day(tenant, app).live(tries=2)
        counted = len(disk.log) - started
        await app.close()
        await tenant.crash()
        return counted

    counted = live(clock, count)
    clock = VirtualClock()
    return counted, live(clock, lambda: live_a_day(clock, provisioned(), None))


@pytest.mark.parametrize(
    ("action", "forever"), [("error", False), ("error", True), ("short", False), ("short", True)]
)
def test_whichever_operation_fails_the_interface_tells_the_truth_and_recovers(
    action: Action, forever: bool
) -> None:
    number_of_operations, levels = operations()
    assert number_of_operations > 40
    for number in range(1, number_of_operations + 1):
        print(f"{action} at operation {number} of {number_of_operations}")
        clock = VirtualClock()
        fault = Fault(number, action, forever)
        assert live(clock, lambda: live_a_day(clock, provisioned(), fault)) == levels  # noqa: B023 - done before the next
