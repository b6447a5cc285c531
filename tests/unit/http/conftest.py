"""A world over the ledger in memory, whose clock and disk a test commands."""

from collections.abc import AsyncIterator

import pytest

from holdfast.http.services import HttpConfig
from tests.unit.http.held_ledger import HeldLedger
from tests.unit.http.memory_ledger import MemoryLedger
from tests.unit.http.world import World


@pytest.fixture
def ledger() -> MemoryLedger:
    """The ledger of the only tenant."""
    return MemoryLedger()


@pytest.fixture
async def world(ledger: MemoryLedger) -> AsyncIterator[World]:
    """An app over it, without a rate limit."""
    world = World(ledger)
    yield world
    await world.close()


@pytest.fixture
async def held() -> AsyncIterator[tuple[World, HeldLedger]]:
    """Two places, one more in the queue."""
    ledger = HeldLedger()
    config = HttpConfig(rate_limit_rps=0, concurrency_api=2, load_shed_queue_max=1)
    world = World(ledger, config)
    yield world, ledger
    await world.close()
