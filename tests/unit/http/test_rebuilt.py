"""What older events changed is worked out exactly as it was told when they happened, or not at all."""

from collections.abc import Sequence
from typing import Any

import pytest

from holdfast.domain.events import Event
from holdfast.domain.records import Alert, Change
from holdfast.http.live.messages import Moved, moved_by
from holdfast.http.live.rebuilt import NotKnown, Rebuilt
from tests.support.opened import Tenant, journal_of, with_a_tenant
from tests.support.steps import step

Live = dict[int, list[Moved]]


async def kitchen(tenant: Tenant) -> Live:
    """A shop that wants to know when it has four or fewer of A; what follows from events is noted."""
    live: Live = {}

    def note(event: Event, changes: Sequence[Change]) -> None:
        live[event.sequence] = moved_by(changes)

    tenant.ledger.follow(note)
    await tenant.ask(step("item", sku="A", limit=4, new=True, expected=None))
    made: dict[str, Any] = {"dish": "tart", "price": 5, "on": True, "recipe": [("A", 1)]}
    await tenant.ask(step("dish", **made, new=True, expected=None))
    await tenant.ask(step("receive", store="S", sku="A", qty=5))
    return live


async def move(tenant: Tenant, *quantities: int) -> None:
    """Move goods in and out, all in the same millisecond."""
    for qty in quantities:
        verb = "receive" if qty > 0 else "ship"
        await tenant.ask(step(verb, store="S", sku="A", qty=abs(qty)))


async def rebuilt(tenant: Tenant, after: int, catalogue_at: int = 0) -> Live:
    events = await journal_of(tenant.ledger)
    walk = Rebuilt(events[after - 1])
    reading = await tenant.ledger.read()
    return {e.sequence: walk.moved(reading, e, catalogue_at) for e in events[after:]}


def behind(live: Live, after: int) -> Live:
    return {sequence: moved for sequence, moved in live.items() if sequence > after}


@with_a_tenant
async def test_alerts_that_opened_and_were_resolved_are_told_as_they_were(tenant: Tenant) -> None:
    live = await kitchen(tenant)
    after = tenant.ledger.last_sequence
    for qty in (-3, 4, 2, -5):
        await tenant.pass_time(10)
        await move(tenant, qty)
    alerts = [each for moved in behind(live, after).values() for each in moved]
    assert [each.status for each in alerts if isinstance(each, Alert)] == [
        "open",
        "resolved",
        "open",
    ]
    assert await rebuilt(tenant, after) == behind(live, after)
    for start in range(after, tenant.ledger.last_sequence):
        assert await rebuilt(tenant, start) == behind(live, start)


@with_a_tenant
async def test_alerts_of_one_millisecond_are_told_apart(tenant: Tenant) -> None:
    live = await kitchen(tenant)
    after = tenant.ledger.last_sequence
    await tenant.pass_time(10)
    await move(tenant, 1, -3, 4, 1, -6, 7, 1)
    assert sum(map(len, behind(live, after).values())) == 4
    assert await rebuilt(tenant, after) == behind(live, after)


@with_a_tenant
async def test_an_order_is_told_as_it_followed_its_reservation(tenant: Tenant) -> None:
    live = await kitchen(tenant)
    after = tenant.ledger.last_sequence
    await tenant.pass_time(10)
    order: dict[str, Any] = {"store": "S", "dishes": [("tart", 1)], "user": None}
    for name in ("one", "two"):
        await tenant.ask(step("order", id=name, ttl=500, **order))
    await tenant.ask(step("extend", id="one", user=None, ttl=90_000))
    await tenant.ask(step("cancel", id="one", user=None))
    await tenant.pass_time(1000)
    told = behind(live, after)
    assert sum(map(len, told.values())) >= 5
    assert await rebuilt(tenant, after) == told


@with_a_tenant
async def test_between_events_of_one_millisecond_it_is_not_known_who_resolved_an_alert(
    tenant: Tenant,
) -> None:
    await kitchen(tenant)
    await tenant.pass_time(10)
    await move(tenant, -3, 4, 1)
    with pytest.raises(NotKnown):
        await rebuilt(tenant, tenant.ledger.last_sequence - 1)


@with_a_tenant
async def test_in_front_of_a_change_of_the_catalogue_nothing_is_known(tenant: Tenant) -> None:
    await kitchen(tenant)
    await tenant.pass_time(10)
    await move(tenant, -3)
    newest = tenant.ledger.last_sequence
    with pytest.raises(NotKnown):
        await rebuilt(tenant, newest - 1, catalogue_at=newest + 1)
    with pytest.raises(NotKnown):
        await rebuilt(tenant, 1)


@with_a_tenant
async def test_what_may_have_been_forgotten_is_not_known(tenant: Tenant) -> None:
    await kitchen(tenant)
    after = tenant.ledger.last_sequence
    await move(tenant, 1)
    await tenant.pass_time(13 * 3600 * 1000)
    with pytest.raises(NotKnown):
        await rebuilt(tenant, after)
