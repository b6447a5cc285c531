"""A tenant on a disk in memory: opened, closed, killed and opened again, in virtual time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from holdfast.domain.events import Event
from holdfast.domain.records import (
    RESERVATION,
    STOCK,
    TABLES,
    Key,
    Outcome,
    Reservation,
    StockRecord,
)
from holdfast.domain.rejections import Rejected
from holdfast.journal import JournalError, create
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.codec import decode_event
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import load_tenant
from holdfast.ledger.port import Reading, Unavailable
from tests.support.gated_disk import GatedDisk, found_by_the_next_process, without
from tests.support.steps import Step, command_of
from tests.support.virtual_time import VirtualClock, live, settle

TENANT: Final = "T"
FOLDER: Final = Path("/tenants/T")
COOLDOWN_MS: Final = 10_000
CHECKPOINT_S: Final = 30
RETENTION_MS: Final = 3_600_000

_TURNS_MAX: Final = 20_000
T = TypeVar("T")
Tables = dict[str, dict[Key, Any]]


class Tenant:
    """One tenant through its processes' lives. `seen` is what its follower was told."""

    def __init__(
        self,
        clock: VirtualClock,
        disk: GatedDisk | None = None,
        *,
        retention_ms: int = RETENTION_MS,
        reserve_bytes: int = 0,
    ) -> None:
        self.clock = clock
        self.disk = GatedDisk() if disk is None else disk
        self.retention_ms = retention_ms
        self.reserve_bytes = reserve_bytes
        self.seen: list[Event] = []
        self.counted: Counter[str] = Counter()
        self._opened: FileLedger | None = None
        self._ids = count(1)

    @property
    def is_open(self) -> bool:
        return self._opened is not None

    def can_write(self) -> bool:
        return self.ledger.writable

    @property
    def ledger(self) -> FileLedger:
        if self._opened is None:
            raise RuntimeError("the tenant is not open")
        return self._opened

    async def open(self) -> FileLedger:
        """Start a process on what is on the disk."""
        if not self.disk.files(FOLDER / "state"):
            create(FOLDER / "journal", TENANT, self.disk)
        self._opened = FileLedger(
            FOLDER,
            load_tenant(FOLDER, TENANT, self.disk),
            disk=self.disk,
            clock=self.clock,
            new_id=lambda: f"own-{next(self._ids)}",
            config=LedgerConfig(
                self.retention_ms,
                COOLDOWN_MS,
                CheckpointEvery(CHECKPOINT_S, 1 << 30),
                disk_reserve_bytes=self.reserve_bytes,
            ),
            count=lambda name: self.counted.update([name]),
        )
        self._opened.follow(lambda event, _: self.seen.append(event))
        await self._opened.start()
        return self._opened

    async def close(self) -> None:
        """Stop the process in good order."""
        await self.ledger.close()
        self._opened = None

    async def crash(self, *, power_cut: bool = False) -> None:
        """Kill the process, whatever it was doing; what is left is the disk."""
        dead, self.disk.killed = self.ledger, True
        self.disk.let_all_go(fails=True)
        self.disk.release.set()
        with suppress(JournalError):
            await dead.close()
        await others_end()
        self._opened = None
        self.disk = found_by_the_next_process(self.disk, power_cut=power_cut)

    async def ask(self, asked: Step) -> Outcome:
        """Execute one request."""
        return await self.ledger.execute(command_of(asked, retention_ms=self.retention_ms))

    async def begin(self, asked: Step) -> asyncio.Task[Outcome]:
        """Send a request, and let it come as far as it can without the disk."""
        return await begun(self.ask(asked))

    async def begin_and_hold(self, asked: Step) -> asyncio.Task[Outcome]:
        """Send a request, and hold the disk in the middle of its flush."""
        self.disk.hold()
        task = await self.begin(asked)
        await asyncio.to_thread(self.disk.wait_until_held)
        return task

    async def let_flush_end(self, *, fails: bool) -> None:
        """Let the flush end that is held, and let everybody learn of it."""
        before = self.ledger.last_sequence
        self.disk.let_go(fails=fails)
        if fails:
            await until(lambda: not self.ledger.writable)
        else:
            await until(lambda: self.ledger.last_sequence > before)
        await settle()

    async def pass_time(self, ms: int) -> None:
        """Move the clock, and let everything happen that waited for it."""
        self.clock.advance(ms)
        await settle()
        await others_end()

    # What can be known.

    def replayed(self, *, from_checkpoint: bool) -> Tables:
        """What a start on the disk as it is would make of it."""
        disk = self.disk if from_checkpoint else without(self.disk, FOLDER / "state")
        state = load_tenant(FOLDER, TENANT, disk).state
        return full({name: dict(state.records(table)) for name, table in TABLES.items()})


def tables_of(reading: Reading) -> Tables:
    """Every record that a reader can see."""
    return full({name: dict(reading.records(table)) for name, table in TABLES.items()})


def full(tables: Tables) -> Tables:
    """Leave out what is empty."""
    return {name: records for name, records in tables.items() if records}


def stock_of(reading: Reading, store: str = "S", sku: str = "A") -> StockRecord:
    """Return a stock record that must be there."""
    record = reading.get(STOCK, (store, sku))
    assert record is not None
    return record


def hold_of(reading: Reading, reservation_id: str) -> Reservation:
    """Return a reservation that must be there."""
    reservation = reading.get(RESERVATION, (reservation_id,))
    assert reservation is not None
    return reservation


async def begun(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a task and let it come as far as it can without the disk."""
    task = asyncio.create_task(work)
    await settle()
    return task


async def until(holds: Callable[[], bool]) -> None:
    """Let threads and tasks go on until something holds."""
    for _ in range(_TURNS_MAX):
        if holds():
            return
        await asyncio.to_thread(_yield_thread)
    raise TimeoutError("it never came to hold")


def _yield_thread() -> None:
    """Do nothing in another thread, which gives the journal's thread its turn."""


async def ended(task: asyncio.Task[Outcome]) -> str:
    """Wait for a request; `ok`, or the code of the refusal."""
    await asyncio.wait([task])
    return code_of(task.exception() or task.result())


async def others_end() -> None:
    """Wait for every other task: a checkpoint that is being written, a probe."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)


async def journal_of(ledger: FileLedger) -> list[Event]:
    """Every durable event, as the feed hands it out."""
    return [decode_event(logged.json) for logged in await ledger.events(0, 1_000_000)]


def code_of(result: Outcome | BaseException) -> str:
    """Name how a request ended: `ok`, or the code of the refusal."""
    if isinstance(result, Rejected | Unavailable):
        return result.code
    if isinstance(result, BaseException):
        raise result
    return "ok"


def demand_sound(tables: Mapping[str, Mapping[Key, Any]]) -> None:
    """Demand what always holds between stock and reservations."""
    held: dict[Key, int] = {}
    for reservation in tables.get(RESERVATION.name, {}).values():
        if reservation.status == "active":
            for line in reservation.lines:
                place: Key = (reservation.store_id, line.sku)
                held[place] = held.get(place, 0) + line.qty
    for key, record in tables.get(STOCK.name, {}).items():
        assert record.on_hand >= record.reserved >= 0, record
        assert record.reserved == held.pop(key, 0), record
    assert not held


def demand_rising(events: list[Event]) -> None:
    """Demand that sequences count up, time never goes back, and versions grow one by one."""
    versions: dict[Key, int] = {}
    for number, event in enumerate(events, start=1):
        assert event.sequence == number
        growth = _GROWTH.get(event.type, {1})
        records: list[StockRecord | Reservation] = [*event.stock, *event.reservations]
        for record in records:
            key = (type(record).__name__, *record.key)
            assert record.version - versions.get(key, 0) in growth, (event.type, record)
            versions[key] = record.version
    times = [event.ts for event in events]
    assert times == sorted(times)


#: By how much an event lets a version grow that it carries; a batch may show what it leaves alone.
_GROWTH: Final = {"KeyRemembered": {0}, "RowUnchanged": {0}, "BatchApplied": {0, 1}}


def with_a_tenant(
    scenario: Callable[[Tenant], Coroutine[Any, Any, None]],
) -> Callable[[], None]:
    """Make a test of a scenario: it gets an open tenant, and time stands still but for it."""
    clock = VirtualClock()

    async def from_open_to_end() -> None:
        tenant = Tenant(clock)
        await tenant.open()
        try:
            await scenario(tenant)
        finally:
            if tenant.is_open:
                await tenant.crash()

    def test() -> None:
        live(clock, from_open_to_end)

    # Not functools.wraps: pytest would look behind it and take `tenant` for a fixture.
    test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
    test.__module__ = scenario.__module__
    return test
