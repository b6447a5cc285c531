"""Fail the Nth disk operation while a tenant is made, used and deleted, for every N.

Then the process dies, and another one starts on what is left: the tenant is there whole or not at
all, whatever was acknowledged is so, and what was interrupted may be asked for again.
"""

from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from holdfast.domain.commands import Action, Command
from holdfast.domain.records import STOCK, TENANT
from holdfast.domain.rejections import Rejected
from holdfast.domain.tenants import DeleteTenant, ProvisionTenant
from holdfast.journal import JournalError
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import Loaded
from holdfast.ledger.port import Unavailable
from holdfast.tenancy import DEFAULT_TENANT, LedgersConfig, TenantRegistry
from tests.support.gated_disk import GatedDisk, found_by_the_next_process
from tests.support.opened import others_end
from tests.support.steps import command_of, step
from tests.support.virtual_time import VirtualClock, live
from tests.unit.journal import simulated_disk
from tests.unit.journal.simulated_disk import Fault

DATA: Final = Path("/data")
SEED: Final = 7
MAKE: Final = ProvisionTenant("pizza", "Pizzeria", "pizza.example", {"primary": "red"})
DELETE: Final = DeleteTenant("pizza")


class Process:
    """One process's life with the tenants of a disk, and what it acknowledged."""

    def __init__(self, clock: VirtualClock, disk: GatedDisk) -> None:
        self._clock = clock
        self._ids = count(1)
        self._disk = disk
        config = LedgersConfig(idle_s=3600, retry_ms=1)
        self.registry = TenantRegistry(DATA, disk, self._make, config, new_id=self._new_id)
        self.done: list[str] = []
        self.tried = ""

    def _new_id(self) -> str:
        return f"{id(self)}-{next(self._ids)}"

    def _make(self, folder: Path, loaded: Loaded) -> FileLedger:
        config = LedgerConfig(1000, 10_000, CheckpointEvery(30, 1 << 30))
        return FileLedger(
            folder, loaded, disk=self._disk, clock=self._clock, new_id=self._new_id, config=config
        )

    def _command(self, action: Action) -> Command:
        return Command(action, self._new_id(), "operator", "r")

    async def live_a_day(self) -> None:
        """Open, make the tenant, use it, delete it; note what was acknowledged."""
        await self.registry.open()
        for name, work in (("made", self.make), ("used", self.use), ("deleted", self.delete)):
            self.tried = name
            await work()
            self.done.append(name)

    async def make(self) -> None:
        await self.registry.provision(self._command(MAKE), MAKE)

    async def use(self) -> None:
        ledger = await self.registry.resolve("pizza", None)
        await ledger.execute(command_of(step("receive", store="S", sku="A", qty=5)))

    async def delete(self) -> None:
        await self.registry.delete(self._command(DELETE), DELETE)

    async def on_hand(self) -> int | None:
        """How much the tenant has; None where there is no such tenant."""
        try:
            ledger = await self.registry.resolve("pizza", None)
        except Rejected as no:
            if no.code != "not_found":
                raise
            return None
        record = (await ledger.read()).get(STOCK, ("S", "A"))
        return 0 if record is None else record.on_hand

    async def end(self) -> None:
        """Die."""
        with suppress(JournalError, RuntimeError):
            await self.registry.close()
        await others_end()


def first_start(clock: VirtualClock) -> GatedDisk:
    disk = GatedDisk(SEED)

    async def start() -> None:
        process = Process(clock, disk)
        await process.registry.open()
        await process.end()

    live(clock, start)
    disk.log.clear()
    return disk


def play(fault: Fault | None, *, power_cut: bool) -> GatedDisk:
    """Live a day on a disk that fails somewhere; then check what another process finds."""
    clock = VirtualClock()
    disk = first_start(clock)
    disk.fault = fault
    process = Process(clock, disk)

    async def day() -> None:
        with suppress(JournalError, Unavailable):
            await process.live_a_day()
        disk.killed = True
        await process.end()

    live(clock, day)
    left = found_by_the_next_process(disk, power_cut=power_cut)
    live(clock, lambda: check(Process(clock, left), left, process.done, process.tried))
    return disk


async def check(after: Process, disk: GatedDisk, done: list[str], tried: str) -> None:
    await after.registry.open()
    assert set(after.registry.breakers().values()) == {"closed"}
    folders = {path.parts[2:4] for path in disk.names}
    in_trash = any(place == "trash" for place, _ in folders)
    has = await after.on_hand()
    if "deleted" in done:
        assert has is None
        assert in_trash
    elif tried == "deleted":
        assert has == 5 or (has is None and in_trash)
    elif "used" in done:
        assert has == 5
    elif "made" in done:
        assert has in {0, 5}, "what was being used may have been kept"
    else:
        assert has in {None, 0}
    assert (("tenants", "pizza") in folders) == (has is not None) or not done
    await repeat(after, disk, has)
    await after.end()


async def repeat(after: Process, disk: GatedDisk, has: int | None) -> None:
    """Ask again for what may have been interrupted: it happens, once."""
    await after.make()
    assert await after.on_hand() == (has or 0), "a new one begins with nothing"
    await after.use()
    await after.delete()
    assert await after.on_hand() is None
    assert not any(path.is_relative_to(DATA / "tenants" / "pizza") for path in disk.names)
    system = await after.registry.system.read()
    assert set(system.records(TENANT)) == {(DEFAULT_TENANT,)}


def operations() -> int:
    return len(play(None, power_cut=False).log)


@pytest.mark.parametrize("power_cut", [False, True], ids=["kill", "power cut"])
@pytest.mark.parametrize("action", ["error", "short", "kill_before", "kill_after"])
def test_whichever_operation_fails_a_tenant_is_there_whole_or_not_at_all(
    action: simulated_disk.Action, power_cut: bool
) -> None:
    for number in range(1, operations() + 1):
        print(f"{action} at operation {number}")
        play(Fault(number, action), power_cut=power_cut)
