"""Events and the history that is read out of them."""

import asyncio

from tests.unit.http.world import World

ONE = "/stores/S/inventory/A"


async def test_events_come_in_order_behind_a_sequence(world: World) -> None:
    for _ in range(5):
        await world.receive("S", "A", 1)
    first = (await world.get("/events?limit=3")).json()
    assert [event["sequence"] for event in first["items"]] == [1, 2, 3]
    assert (first["after"], first["lastSequence"]) == (3, 5)
    rest = (await world.get("/events?after=3")).json()
    by_cursor = (await world.get(f"/events?cursor={first['nextCursor']}")).json()
    assert rest == by_cursor
    assert [event["sequence"] for event in rest["items"]] == [4, 5]
    assert rest["nextCursor"] is None
    assert (await world.get("/events?after=5")).json()["items"] == []


async def test_an_event_says_who_asked_and_under_which_request(world: World) -> None:
    await world.post(f"{ONE}/adjust", {"delta": 2}, x_request_id="till-4", idempotency_key="k")
    event = (await world.get("/events")).json()["items"][0]
    assert (event["type"], event["actor"]) == ("StockAdjusted", "anonymous")
    assert (event["requestId"], event["idempotencyKey"]) == ("till-4", "k")
    assert len(event["eventId"]) == 36


async def test_a_long_poll_is_answered_by_the_next_event(world: World) -> None:
    polling = asyncio.ensure_future(world.get("/events?wait=30"))
    while world.app.lanes.waiting == 0:  # noqa: ASYNC110 - the app announces this to nobody
        await asyncio.sleep(0)
    await world.receive("S", "A", 1)
    page = (await polling).json()
    assert [event["sequence"] for event in page["items"]] == [1]


async def test_the_history_says_who_when_what_why_and_the_balances(world: World) -> None:
    await world.receive("S", "A", 5)
    body = {"delta": -2, "reason": "broken", "occurredAt": "2026-11-01T10:00:00+01:00"}
    await world.post(f"{ONE}/adjust", body, x_request_id="r-1")
    await world.post(f"{ONE}/reserve", {"qty": 1})
    items = (await world.get("/transactions?storeId=S&sku=A")).json()["items"]
    assert [item["type"] for item in items] == ["StockReceived", "StockAdjusted", "StockReserved"]
    adjusted = items[1]
    assert adjusted["requestId"] == "r-1"
    assert adjusted["reason"] == "broken"
    assert adjusted["occurredAt"] == "2026-11-01T09:00:00.000Z"
    assert adjusted["facts"] == {"delta": -2}
    assert adjusted["balances"] == [
        {"storeId": "S", "sku": "A", "onHand": 3, "reserved": 0, "available": 3, "version": 2}
    ]
    assert items[2]["reservations"][0]["lines"] == [{"sku": "A", "qty": 1}]


async def test_the_history_is_filtered(world: World) -> None:
    await world.receive("S", "A", 5)
    await world.receive("S", "AB", 5)
    await world.receive("T", "A", 5)
    await world.post(
        "/inventory/transfer", {"fromStoreId": "S", "toStoreId": "T", "sku": "A", "qty": 1}
    )
    held = (await world.post(f"{ONE}/reserve", {"qty": 1})).json()
    await world.post(f"/reservations/{held['reservationId']}/extend", {"ttlSeconds": None})
    for query, sequences in (
        ("", [1, 2, 3, 4, 5, 6]),
        ("sku=A", [1, 3, 4, 5, 6]),
        ("sku=A&store_id=T", [3, 4]),
        ("storeId=S&type=StockReceived", [1, 2]),
        ("type=ReservationExtended", [6]),
        ("storeId=U", []),
        ("after=4&storeId=S", [5, 6]),
    ):
        page = (await world.get(f"/transactions?{query}")).json()
        assert [item["sequence"] for item in page["items"]] == sequences, query
        assert page["nextCursor"] is None


async def test_the_history_is_paged(world: World) -> None:
    for number in range(6):
        await world.receive("ST"[number % 2], "A", 1)
    first = (await world.get("/transactions?storeId=S&limit=2")).json()
    rest = (await world.get(f"/transactions?storeId=S&cursor={first['nextCursor']}")).json()
    assert [item["sequence"] for item in first["items"] + rest["items"]] == [1, 3, 5]
    assert rest["nextCursor"] is None
