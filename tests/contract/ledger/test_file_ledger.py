"""The ledger over a journal keeps the contract, on a disk in memory and in a real folder."""

from pathlib import Path

from holdfast.journal import OsDisk, create
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import load_tenant
from tests.contract.ledger.ledger_contract import LedgerContract, Place
from tests.support.opened import Tenant
from tests.support.virtual_time import VirtualClock

DAY_MS = 24 * 3600 * 1000


class RealFolder:
    """A tenant's folder on the machine's own disk."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock()
        self._folder = folder
        self._opened: FileLedger | None = None

    async def open(self) -> FileLedger:
        disk = OsDisk()
        create(self._folder / "journal", "T", disk)
        self._opened = FileLedger(
            self._folder,
            load_tenant(self._folder, "T", disk),
            disk=disk,
            clock=self.clock,
            new_id=lambda: "own",
            config=LedgerConfig(30 * DAY_MS, 10_000, CheckpointEvery(30, 1 << 20)),
        )
        await self._opened.start()
        return self._opened

    async def close(self) -> None:
        assert self._opened is not None
        await self._opened.close()


class TestFileLedgerInMemory(LedgerContract):
    def make_place(self, folder: Path) -> Place:
        return Tenant(VirtualClock())


class TestFileLedgerInAFolder(LedgerContract):
    def make_place(self, folder: Path) -> Place:
        return RealFolder(folder)
