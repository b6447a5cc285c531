"""A data folder of a large chain, made in seconds: what a year of imports would have left there.

The journal is written by the journal, with events as a batch of receipts makes them, and the
checkpoint by a ledger that is opened on it and closed again. `holdfast serve` starts on it as on
any folder of its own.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

from holdfast.domain.events import Event
from holdfast.domain.records import StockRecord
from holdfast.journal import Journal, OsDisk, create, recover
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.clock import SystemClock
from holdfast.ledger.codec import encode_event
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import load_tenant
from holdfast.runtime import new_id
from holdfast.tenancy import DEFAULT_TENANT

_ROWS_PER_EVENT: Final = 500
_ON_HAND: Final = 10**9
_CONFIG: Final = LedgerConfig(86_400_000, 10_000, CheckpointEvery(1e9, 1 << 60))


def store_name(number: int) -> str:
    """The name of a store, counted from 0."""
    return f"STORE{number:04d}"


def sku_name(number: int) -> str:
    """The name of a SKU, counted from 0."""
    return f"SKU{number:07d}"


def make_large_store(data_dir: Path, stores: int = 200, skus: int = 5_000) -> None:
    """Make a data folder in which each store has plenty of each SKU, with a checkpoint of it.

    It takes about 20 s for a million stock records, and as much memory as serving them: call it in
    a process of its own where memory is measured.

    Raises:
        JournalError: the disk said no.
    """
    folder = data_dir / "tenants" / DEFAULT_TENANT
    folder.mkdir(parents=True)
    asyncio.run(_make(folder, stores, skus))


async def _make(folder: Path, stores: int, skus: int) -> None:
    disk = OsDisk()
    create(folder / "journal", DEFAULT_TENANT, disk)
    await _write_journal(folder / "journal", disk, stores, skus)
    loaded = load_tenant(folder, DEFAULT_TENANT, disk)
    ledger = FileLedger(
        folder, loaded, disk=disk, clock=SystemClock(), new_id=new_id, config=_CONFIG
    )
    await ledger.start()
    await ledger.close()


async def _write_journal(folder: Path, disk: OsDisk, stores: int, skus: int) -> None:
    def stop(error: Exception) -> None:
        raise error

    recovered = recover(folder, DEFAULT_TENANT, disk, lambda _: None)
    journal = Journal(
        folder, DEFAULT_TENANT, recovered, disk, on_durable=lambda _: None, on_failed=stop
    )
    journal.open()
    for store in range(stores):
        for first in range(0, skus, _ROWS_PER_EVENT):
            numbers = range(first, min(first + _ROWS_PER_EVENT, skus))
            receipts = _receipts(journal.next_sequence, store, numbers)
            await journal.append(encode_event(receipts))
    await journal.seal()


def _receipts(sequence: int, store: int, skus: range) -> Event:
    """What a batch of receipts becomes."""
    now, place = time.time_ns() // 1_000_000, store_name(store)
    rows = [
        {"type": "StockReceived", "storeId": place, "sku": sku_name(sku), "qty": _ON_HAND}
        for sku in skus
    ]
    stock = tuple(
        StockRecord(place, sku_name(sku), _ON_HAND, 0, False, None, None, 1, now) for sku in skus
    )
    event_id, request_id = new_id(), new_id()
    return Event(
        sequence, now, "BatchApplied", event_id, "bench", request_id, {"rows": rows}, stock
    )
