"""A checkpoint is a shortcut: whatever happens to it, the stock is what the journal says."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from holdfast.domain.commands import Command, Idempotency, ReceiveStock, ReserveStock, SetOut
from holdfast.domain.records import Line
from holdfast.journal import FormatTooNew, OsDisk, create
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import load_tenant
from holdfast.ledger.port import ReservationFilter
from holdfast.ledger.shards import Shards
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
    with pytest.raises(FormatTooNew, match="orders"):
        list(Shards().load("orders/1", b"[]"))
