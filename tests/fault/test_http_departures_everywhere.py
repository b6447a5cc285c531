"""A client leaves, or the server gives up, at every wait of every route that writes.

The write happened once or not at all, and the key knows which: who repeats the request with the
key gets the first answer again where it did, and has it done now where it did not. Either way
the stock is then what it would be had nobody left.
"""

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.domain.records import Key
from holdfast.http.routes import ENDPOINTS
from tests.support.app_on_disk import App, Asked, Told, levels_of
from tests.support.opened import Tenant, journal_of
from tests.support.virtual_time import VirtualClock, live

PLACE = "/stores/S/inventory/A"
USER = {"userId": "ann"}
ROWS: list[dict[str, Any]] = [
    {"op": "receive", "storeId": "S", "sku": "A", "qty": 1},
    {"op": "ship", "storeId": "S", "sku": "B", "qty": 2},
    {"op": "adjust", "storeId": "T", "sku": "A", "delta": 3},
]
LINES: list[dict[str, Any]] = [row | {"line": line} for line, row in enumerate(ROWS, start=1)]
Levels = dict[Key, tuple[int, int, int]]


def moved(path: str, **fields: Any) -> Callable[[str], Asked]:
    """A request without an id that only the server knows."""
    return lambda _: Asked("POST", path, fields, "k")


def ended(verb: str, **fields: Any) -> Callable[[str], Asked]:
    return lambda held: Asked("POST", f"/reservations/{held}/{verb}", USER | fields, "k")


def checked_out(verb: str) -> Callable[[str], Asked]:
    return lambda held: Asked("POST", f"/checkout/{verb}", USER | {"reservationId": held}, "k")


#: By the endpoint's path; `held` is a reservation of ann's.
WRITES: dict[str, Callable[[str], Asked]] = {
    "/stores/{storeId}/inventory/{sku}/adjust": moved(f"{PLACE}/adjust", delta=3),
    "/stores/{storeId}/inventory/{sku}/count": moved(f"{PLACE}/count", counted=30),
    "/stores/{storeId}/inventory/{sku}/out": moved(f"{PLACE}/out", isOut=True),
    "/stores/{storeId}/inventory/{sku}/reserve": moved(f"{PLACE}/reserve", qty=2, **USER),
    "/inventory/receive": moved("/inventory/receive", storeId="S", sku="A", qty=5),
    "/inventory/ship": moved("/inventory/ship", storeId="S", sku="A", qty=5),
    "/inventory/adjust": moved("/inventory/adjust", storeId="S", sku="A", delta=-5),
    "/inventory/transfer": moved(
        "/inventory/transfer", fromStoreId="S", toStoreId="T", sku="A", qty=4
    ),
    "/reservations": moved("/reservations", storeId="S", lines=[{"sku": "A", "qty": 3}], **USER),
    "/reservations/{reservationId}/confirm": ended("confirm"),
    "/reservations/{reservationId}/cancel": ended("cancel"),
    "/reservations/{reservationId}/extend": ended("extend", ttlSeconds=600),
    "/inventory/reserve": moved(
        "/inventory/reserve", sku="B", quantity=2, storeId="S", userId="bob"
    ),
    "/checkout/confirm": checked_out("confirm"),
    "/checkout/cancel": checked_out("cancel"),
    "/batch": lambda _: Asked("POST", "/batch", ROWS, "k"),
}
#: The same endpoint in another way.
MORE: dict[str, Callable[[str], Asked]] = {
    "/batch, all or none": lambda _: Asked("POST", "/batch", ROWS, "k", "atomic=true"),
    "/batch, as a load": lambda _: Asked("POST", "/batch", LINES, None, "source=l&after=0"),
}
TAGS = {"Stock", "Reservations", "Checkout", "Batch"}


def test_every_route_that_writes_stock_is_left() -> None:
    writes = {each.path for each in ENDPOINTS if each.writes and each.tag in TAGS}
    assert set(WRITES) == writes


async def open_shop(clock: VirtualClock) -> tuple[App, str]:
    """A shop with stock and a reservation, and that one's id."""
    tenant = Tenant(clock)
    await tenant.open()
    app = App(tenant)
    for store, sku in (("S", "A"), ("S", "B"), ("T", "A")):
        body = {"storeId": store, "sku": sku, "qty": 50}
        assert (await app.ask(Asked("POST", "/inventory/receive", body))).status == 200
    lines = {"storeId": "S", "lines": [{"sku": "A", "qty": 4}]}
    held = await app.ask(Asked("POST", "/reservations", USER | lines))
    return app, held.values[0]["reservationId"]


async def close_shop(app: App) -> None:
    await app.close()
    await app.tenant.crash()


async def repeat(app: App, asked: Asked, *, happened: bool) -> None:
    """Send it again as its sender would, and hold the answer against what the journal tells."""
    if "source" in asked.query:
        await go_on_with_the_load(app, asked)
        return
    again = await app.ask(asked)
    assert again.status in {200, 201}, again
    assert again.is_replay == happened, "the key knows"
    assert without_marks(await app.ask(asked)) == without_marks(again)


async def go_on_with_the_load(app: App, asked: Asked) -> None:
    mark = (await app.ask(Asked("GET", "/batch/sources/l"))).values[0]["mark"]
    assert mark in {0, len(LINES)}, "the rows of one request share a flush"
    rest = LINES[mark:]
    if rest:
        query = f"source=l&after={mark}"
        told = await app.ask(asked._replace(body=rest, query=query))
        assert [each["status"] for each in told.values] == [200] * len(rest)


def without_marks(told: Told) -> list[Any]:
    """The values of an answer, whether or not it was given before."""
    return [
        {name: value for name, value in each.items() if name != "replayed"} for each in told.values
    ]


async def undisturbed(make: Callable[[str], Asked], clock: VirtualClock) -> tuple[int, Levels]:
    """How many events the request makes, and the stock behind it."""
    app, held = await open_shop(clock)
    before = app.tenant.ledger.last_sequence
    assert (await app.ask(make(held))).status in {200, 201}
    events, levels = app.tenant.ledger.last_sequence - before, await levels_of(app.tenant)
    await close_shop(app)
    return events, levels


@pytest.mark.parametrize("cancelled", [False, True], ids=["client leaves", "server cancels"])
@pytest.mark.parametrize("route", [*WRITES, *MORE])
def test_whoever_goes_and_whenever_the_write_is_whole_and_done_once(
    route: str, cancelled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.http.slices.SLICE_S", -1)
    make = (WRITES | MORE)[route]
    clock = VirtualClock()
    outcomes: set[bool] = set()

    async def be_cut(at: int, events: int, levels: Levels) -> bool:
        app, held = await open_shop(clock)
        before = app.tenant.ledger.last_sequence
        came_to_it = await app.ask_and_be_cut(make(held), at, cancelled=cancelled)
        made = app.tenant.ledger.last_sequence - before
        assert made in {0, events}, f"half done, cut at wait {at}"
        outcomes.add(made == events)
        await repeat(app, make(held), happened=made == events)
        assert app.tenant.ledger.last_sequence - before == events
        assert await levels_of(app.tenant) == levels
        assert len(await journal_of(app.tenant.ledger)) == before + events
        await close_shop(app)
        return came_to_it

    async def every_wait() -> None:
        events, levels = await undisturbed(make, clock)
        at = 1
        while await be_cut(at, events, levels):
            at += 1
        print(f"{route}: {at - 1} waits")
        assert at > 3

    live(clock, every_wait)
    assert outcomes == {True, False}, "it was cut both before and behind the decision"
