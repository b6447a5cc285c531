"""A log that this release cannot have written: it is refused, or the tenant stops, loudly."""

import asyncio

import orjson
import pytest

from holdfast.domain.decide import InvariantViolation
from holdfast.domain.events import Event, UnknownEvent, event_json
from holdfast.domain.records import Line, Reservation, StockRecord
from holdfast.journal import Journal, create, recover
from holdfast.ledger.port import Unavailable
from tests.support.opened import FOLDER, TENANT, Tenant, stock_of
from tests.support.steps import step
from tests.support.virtual_time import START_MS, VirtualClock, live


async def write(tenant: Tenant, *events: dict[str, object]) -> None:
    """Put events in a new tenant's journal, past everything that would keep them out."""
    create(FOLDER / "journal", TENANT, tenant.disk)
    recovered = recover(FOLDER / "journal", TENANT, tenant.disk, lambda frame: None)
    journal = Journal(
        FOLDER / "journal",
        TENANT,
        recovered,
        tenant.disk,
        on_durable=lambda sequence: None,
        on_failed=lambda error: None,
    )
    journal.open()
    for event in events:
        await asyncio.wait([journal.append(orjson.dumps(event))])
    await journal.seal()


def contradiction() -> Event:
    """A reservation of two that its stock record knows nothing of."""
    stock = StockRecord("S", "A", 5, 0, False, None, None, 1, START_MS)
    held = Reservation("r1", "S", None, "active", (Line("A", 2),), START_MS, None, None, None, 1)
    return Event(1, START_MS, "StockReserved", "e1", "x", "q", {}, (stock,), (held,))


def test_a_broken_rule_stops_the_tenant_and_readers_stay() -> None:
    tenant = Tenant(VirtualClock())

    async def scenario() -> None:
        await write(tenant, event_json(contradiction()))
        await tenant.open()
        with pytest.raises(InvariantViolation, match="reserved -2"):
            await tenant.ask(step("confirm", id="r1", user=None))
        for _ in range(2):
            with pytest.raises(Unavailable, match="was stopped") as no:
                await tenant.ask(step("receive", store="S", sku="B", qty=1))
            assert no.value.code == "read_only"
        assert not tenant.can_write()
        reading = await tenant.ledger.read()
        assert (stock_of(reading).on_hand, reading.exact) == (5, False)
        assert tenant.ledger.last_sequence == 1
        await tenant.close()

    live(tenant.clock, scenario)


@pytest.mark.parametrize("change", [{"type": "StockTeleported"}, {"version": 2}])
def test_a_log_of_a_newer_release_is_not_opened_and_not_changed(
    change: dict[str, object],
) -> None:
    tenant = Tenant(VirtualClock())

    async def scenario() -> None:
        await write(tenant, event_json(contradiction()) | change)
        before = {path: bytes(inode.visible) for path, inode in tenant.disk.names.items()}
        with pytest.raises(UnknownEvent, match="newer release"):
            await tenant.open()
        after = {path: bytes(inode.visible) for path, inode in tenant.disk.names.items()}
        assert after == before

    live(tenant.clock, scenario)
