"""A checkpoint is a shortcut: whatever happens to it, the stock is what the journal says."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from holdfast.domain.commands import Command, Idempotency, ReceiveStock, ReserveStock, SetOut
from holdfast.domain.evolve import evolve
from holdfast.domain.records import RESERVATION, STOCK, TABLES, Key, Line
from holdfast.domain.state import State
from holdfast.journal import (
    CheckpointFailed,
    Checkpoints,
    FormatTooNew,
    Frame,
    OsDisk,
    create,
    recover,
)
from holdfast.ledger import checkpointer
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.codec import decode_event
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import load_tenant
from holdfast.ledger.port import ReservationFilter
from holdfast.ledger.shards import TENANT_SHARD, Shards
from tests.support.virtual_time import VirtualClock

STORES = ("S1", "S2", "S3")


async def opened(folder: Path, disk: OsDisk | None = None) -> FileLedger:
    disk = disk or OsDisk()
    create(folder / "journal", "T", disk)
    ledger = FileLedger(
        folder,
        load_tenant(folder, "T", disk),
        disk=disk,
        clock=VirtualClock(),
        new_id=lambda: "own",
        config=LedgerConfig(1_000, 10_000, CheckpointEvery(1e6, 1 << 40)),
    )
    await ledger.start()
    return ledger


async def receive(ledger: FileLedger, store: str, qty: int = 10) -> None:
    await ledger.execute(Command(ReceiveStock(store, "A", qty), "e", "me", "r"))


async def stock_of(folder: Path) -> dict[str, int]:
    ledger = await opened(folder)
    page = (await ledger.read()).stock_page(None, None, None, 100)
    await ledger.close()
    return {record.store_id: record.on_hand for record in page}


class DiskOutOfHandles(OsDisk):
    """From some moment on, it cannot open a file to read it."""

    exhausted = False

    def pread(self, handle: int, size_bytes: int, offset: int) -> bytes:
        self._demand_handles()
        return super().pread(handle, size_bytes, offset)

    def files(self, folder: Path) -> list[str]:
        self._demand_handles()
        return super().files(folder)

    def _demand_handles(self) -> None:
        if self.exhausted:
            raise OSError(24, "Too many open files")


async def a_folder_is_removed(folder: Path, _: DiskOutOfHandles) -> None:
    shutil.rmtree(folder / "state")


async def no_file_can_be_read(_: Path, disk: DiskOutOfHandles) -> None:
    disk.exhausted = True


@pytest.mark.parametrize("trouble", [a_folder_is_removed, no_file_can_be_read])
async def test_what_did_not_change_since_the_start_is_not_forgotten(
    tmp_path: Path, trouble: Callable[[Path, DiskOutOfHandles], Awaitable[None]]
) -> None:
    ledger = await opened(tmp_path)
    for store in STORES:
        await receive(ledger, store)
    await ledger.close()
    disk = DiskOutOfHandles()
    ledger = await opened(tmp_path, disk)
    await trouble(tmp_path, disk)
    await receive(ledger, "S1")
    await ledger.close()
    assert await stock_of(tmp_path) == {"S1": 20, "S2": 10, "S3": 10}
    assert await stock_of(tmp_path) == {"S1": 20, "S2": 10, "S3": 10}


async def test_a_checkpoint_that_was_taken_away_is_made_whole_again(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    for store in STORES:
        await receive(ledger, store)
    await ledger._checkpointer.write()
    shutil.rmtree(tmp_path / "state")
    await receive(ledger, "S1")
    await ledger.close()  # finds it gone
    ledger = await opened(tmp_path)
    await receive(ledger, "S1")
    await ledger.close()
    shards = {path.name.partition("@")[0] for path in (tmp_path / "state" / "stock").iterdir()}
    assert {name.partition(".")[0] for name in shards} == set(STORES)


def tables_of(state: State) -> dict[str, dict[Key, object]]:
    return {name: dict(state.records(table)) for name, table in TABLES.items()}


def replayed_to_its_checkpoint(folder: Path) -> tuple[State, State]:
    """What the newest checkpoint holds, and what the journal says up to its cursor."""
    checkpoint = Checkpoints(folder / "state", OsDisk()).load()
    assert checkpoint is not None
    saved, replayed = State(), State()
    for name, content in checkpoint.shards():
        for change in () if name == TENANT_SHARD else Shards().load(name, content):
            saved.put(change)

    def apply(frame: Frame) -> None:
        if frame.sequence <= checkpoint.cursor.sequence:
            event = decode_event(frame.json)
            replayed.apply(evolve(replayed, event), event.ts)

    recover(folder / "journal", "T", OsDisk(), apply)
    return saved, replayed


async def fill(ledger: FileLedger) -> None:
    skus = [f"{number:03d}" for number in range(300)]
    receipts = [ReceiveStock(store, sku, 100) for store in STORES for sku in skus]
    await asyncio.gather(*(ledger.execute(Command(each, "e", "me", "r")) for each in receipts))


async def sell_until(task: asyncio.Task[None], ledger: FileLedger) -> None:
    """Reserve, with a key each, until a task has ended."""
    number = 0
    while not task.done():
        hold = ReserveStock(f"r{number:04d}", "S1", "ann", (Line(f"{number % 300:03d}", 1),), None)
        key = Idempotency(f"k{number}", "f", 1_000)
        await ledger.execute(Command(hold, "e", "me", "r", key))
        number += 1


async def test_a_checkpoint_is_of_one_moment_though_commands_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointer, "_SLICE_NS", 0)
    ledger = await opened(tmp_path)
    await fill(ledger)
    begun_at = ledger.last_sequence
    saving = asyncio.create_task(ledger._checkpointer.write())
    await sell_until(saving, ledger)
    await saving
    assert ledger.last_sequence > begun_at
    saved, replayed = replayed_to_its_checkpoint(tmp_path)
    assert tables_of(saved) == tables_of(replayed)
    assert len(saved.records(STOCK)) == 900
    assert len(saved.records(RESERVATION)) == 0
    await ledger.close()
    saved, replayed = replayed_to_its_checkpoint(tmp_path)
    assert tables_of(saved) == tables_of(replayed) == tables_of(ledger._state)


class FullDisk(OsDisk):
    """Writes so many files of stock, and no more."""

    room = 1 << 30

    def write(self, handle: int, data: bytes) -> int:
        if data.startswith(b"["):
            self.room -= 1
            if self.room < 0:
                raise OSError(28, "No space left on device")
        return super().write(handle, data)


@pytest.mark.parametrize("room", [0, 1, 2])
async def test_a_checkpoint_that_failed_half_way_is_made_anew_with_what_came_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(checkpointer, "_SLICE_NS", 0)
    disk = FullDisk()
    ledger = await opened(tmp_path, disk)
    await fill(ledger)
    await ledger._checkpointer.write()
    for store in STORES:
        await ledger.execute(Command(ReceiveStock(store, "000", 1), "e", "me", "r"))
    disk.room = room
    saving = asyncio.create_task(ledger._checkpointer.write())
    await sell_until(saving, ledger)
    assert isinstance(saving.exception(), CheckpointFailed)
    saved, replayed = replayed_to_its_checkpoint(tmp_path)
    assert tables_of(saved) == tables_of(replayed)
    disk.room = 1 << 30
    await ledger.close()
    saved, replayed = replayed_to_its_checkpoint(tmp_path)
    assert tables_of(saved) == tables_of(replayed) == tables_of(ledger._state)


class SlowClock(VirtualClock):
    """Time passes whenever somebody looks: each slice and each turn of the loop take 2 ms."""

    def monotonic_ns(self) -> int:
        self.advance(2)
        return super().monotonic_ns()


@pytest.mark.parametrize("closing", [False, True])
async def test_others_get_nine_times_as_long_unless_the_ledger_is_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closing: bool
) -> None:
    paused: list[float] = []

    async def sleep(seconds: float) -> None:
        paused.append(seconds)

    ledger = await opened(tmp_path)
    await fill(ledger)
    monkeypatch.setattr(ledger._checkpointer, "_now_ns", SlowClock().monotonic_ns)
    monkeypatch.setattr("asyncio.sleep", sleep)
    await (ledger.close() if closing else ledger._checkpointer.write())
    pauses = [seconds for seconds in paused if seconds]
    assert len(paused) > 10
    # A slice of 2 ms, then a turn of 2 ms, which is part of what the others get.
    assert pauses == ([] if closing else [pytest.approx(0.016)] * len(pauses))
    assert bool(pauses) is not closing
    await ledger.close()


async def test_a_keyed_request_that_changes_nothing_lists_nothing_twice(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    await receive(ledger, "S1")

    async def keyed(action: SetOut | ReserveStock, key: str) -> None:
        await ledger.execute(Command(action, "e", "me", "r", Idempotency(key, key, 1_000)))

    for number in range(3):
        await keyed(SetOut("S1", "A", is_out=False), f"out{number}")
        hold = ReserveStock(f"r{number}", "S1", "ann", (Line("A", 1),), None, reuse=True)
        await keyed(hold, f"hold{number}")
    reading = await ledger.read()
    assert [record.on_hand for record in reading.stock_page(None, None, None, 100)] == [10]
    assert [record.on_hand for record in reading.stock_page(None, "A", None, 100)] == [10]
    held, more = reading.reservation_page(ReservationFilter(), None, 100)
    assert ([each.reservation_id for each in held], more) == (["r0"], None)
    await ledger.close()


def test_records_of_a_newer_release_are_refused_by_name() -> None:
    with pytest.raises(FormatTooNew, match="parades"):
        list(Shards().load("parades/1", b"[]"))
