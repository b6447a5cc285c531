"""The interface over every ledger there is.

Add an entry to `LEDGERS` to run all these tests over another implementation of the port.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from holdfast.http.call import new_id
from holdfast.journal import OsDisk
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.clock import SystemClock
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import Loaded
from holdfast.ledger.port import Ledger
from holdfast.tenancy import DEFAULT_TENANT, TenantRegistry
from tests.unit.http.memory_ledger import MemoryLedger
from tests.unit.http.world import World

OpenLedger = Callable[[Path], AbstractAsyncContextManager[Ledger]]


@asynccontextmanager
async def memory(_: Path) -> AsyncIterator[Ledger]:
    """The domain in memory."""
    yield MemoryLedger()


@asynccontextmanager
async def files(folder: Path) -> AsyncIterator[Ledger]:
    """What the service uses: files in a folder of the disk."""

    def make(tenant_folder: Path, loaded: Loaded) -> FileLedger:
        config = LedgerConfig(
            reservation_retention_ms=3_600_000,
            breaker_cooldown_ms=10_000,
            checkpoint_every=CheckpointEvery(30, 1 << 30),
        )
        return FileLedger(
            tenant_folder, loaded, disk=OsDisk(), clock=SystemClock(), new_id=new_id, config=config
        )

    registry = TenantRegistry(folder, OsDisk(), make, new_id=new_id)
    await registry.open()
    try:
        yield registry.ledgers[DEFAULT_TENANT]
    finally:
        await registry.close()


LEDGERS: dict[str, OpenLedger] = {"memory": memory, "files": files}


@pytest.fixture(params=sorted(LEDGERS))
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """An app with one tenant, without a rate limit."""
    async with LEDGERS[request.param](tmp_path) as ledger:
        world = World(ledger)
        yield world
        await world.close()
