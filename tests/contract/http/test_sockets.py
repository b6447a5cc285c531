"""The live feed over WebSockets, on a real socket: who is let in, and what they hear."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from holdfast.http.live import hub, listener, sockets
from holdfast.http.socket_protocol import MESSAGE_BYTES_MAX
from tests.contract.http.connections import LIVENESS, PATIENT, Shop, receive, serving

HOST = {"Host": "testserver"}


@asynccontextmanager
async def listening(shop: Shop, query: str = "", **headers: str) -> AsyncIterator[ClientConnection]:
    raw = {"Host": "testserver"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    url = f"ws://testserver/api/v1/ws{query}"
    async with connect(
        url,
        host="127.0.0.1",
        port=shop.port,
        proxy=None,
        compression=None,
        additional_headers={name: value for name, value in raw.items() if name != "Host"},
    ) as socket:
        yield socket


async def hear(socket: ClientConnection) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        return list(json.loads(await socket.recv()))


async def hear_on(socket: ClientConnection) -> None:
    while True:
        await hear(socket)


async def refused(shop: Shop, query: str = "", **headers: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as raised:
        async with listening(shop, query, **headers):
            pass
    response = raised.value.response
    assert response.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = json.loads(response.body or b"")
    assert response.headers["x-request-id"] == told["requestId"]
    return response.status_code, told


async def test_a_listener_hears_where_it_stands_and_then_every_event_as_one_frame() -> None:
    async with serving(PATIENT) as shop, listening(shop) as socket:
        assert await hear(socket) == [{"type": "heartbeat", "sequence": 0}]
        await shop.world.receive("S", "A", 5)
        (message,) = await hear(socket)
        assert (message["type"], message["sequence"]) == ("stockUpdated", 1)
        assert (message["storeId"], message["sku"], message["available"]) == ("S", "A", 5)
        await shop.world.post("/stores/S/inventory/A/reserve", {"qty": 2})
        frame = await hear(socket)
        assert [each["type"] for each in frame] == ["stockUpdated", "reservationChanged"]
        assert {each["sequence"] for each in frame} == {2}


async def test_a_kitchen_hears_of_orders_alerts_and_dishes() -> None:
    async with serving(PATIENT) as shop:
        world = shop.world
        await world.receive("S", "salt", 5)
        async with listening(shop) as socket:
            await hear(socket)
            item = {"sku": "salt", "name": "Salt", "lowStockThreshold": 4}
            await world.post("/items", item)
            assert [each["type"] for each in await hear(socket)] == ["stateChanged"]
            dish = {
                "id": "soup",
                "name": "Soup",
                "price": 500,
                "recipe": [{"sku": "salt", "qty": 2}],
            }
            answer = await world.post("/manager/menu", dish)
            assert answer.status_code == 201, answer.text
            assert (await hear(socket))[0]["items"] == ["soup"]
            order = {"storeId": "S", "customer": "Ann", "items": [{"id": "soup", "qty": 1}]}
            placed = await world.post("/store/orders", order)
            assert placed.status_code == 201, placed.text
            frame = {each["type"]: each for each in await hear(socket)}
            assert frame["orderChanged"]["status"] == "PENDING"
            assert frame["lowStockAlert"]["status"] == "open"
            assert frame["menuChanged"]["storeId"] == "S"
            await world.post(f"/reservations/{placed.json()['reservationId']}/cancel", {})
            frame = {each["type"]: each for each in await hear(socket)}
            assert frame["orderChanged"]["status"] == "CANCELLED"
            assert frame["lowStockAlert"]["status"] == "resolved"


async def test_who_comes_back_hears_what_it_missed_first() -> None:
    async with serving(PATIENT) as shop:
        for _ in range(3):
            await shop.world.receive("S", "A", 1)
        async with listening(shop, "?after=1") as socket:
            heard = [(await hear(socket))[0] for _ in range(3)]
            assert [each["sequence"] for each in heard] == [2, 3, 3]
            assert heard[-1]["type"] == "heartbeat"


async def test_who_knows_more_than_there_is_loads_afresh() -> None:
    async with serving(PATIENT) as shop, listening(shop, "?after=7") as socket:
        assert await hear(socket) == [{"type": "reset", "sequence": 0}]


async def test_who_missed_too_much_loads_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MISSED_MAX", 2)
    async with serving(PATIENT) as shop:
        for _ in range(3):
            await shop.world.receive("S", "A", 1)
        async with listening(shop, "?after=0") as socket:
            assert await hear(socket) == [{"type": "reset", "sequence": 3}]
        async with listening(shop, "?after=1") as socket:
            assert (await hear(socket))[0]["sequence"] == 2


async def test_a_listener_hears_only_what_it_wants() -> None:
    query = "?type=reservationChanged,stockUpdated&storeId=S&sku=A"
    async with serving(PATIENT) as shop, listening(shop, query) as socket:
        await hear(socket)
        await shop.world.receive("T", "A", 5)
        await shop.world.receive("S", "B", 5)
        await shop.world.receive("S", "A", 5)
        assert [each["sequence"] for each in await hear(socket)] == [3]


async def test_a_quiet_listener_is_told_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "HEARTBEAT_S", 0.01)
    async with serving(PATIENT) as shop, listening(shop, "?sku=B") as socket:
        await hear(socket)
        await shop.world.receive("S", "A", 5)
        while (frame := await hear(socket)) == [{"type": "heartbeat", "sequence": 0}]:
            pass
        assert frame == [{"type": "heartbeat", "sequence": 1}]


async def test_a_tenant_that_is_no_longer_served_is_no_longer_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "HEARTBEAT_S", 0.01)
    async with serving(PATIENT) as shop, listening(shop) as socket:
        await hear(socket)
        shop.world.tenants.ledger = type(shop.world.ledger)()
        with pytest.raises(ConnectionClosed) as closed:
            await hear_on(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


async def test_a_bug_ends_the_connection_and_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "messages", lambda *_: 1 / 0)
    async with serving(PATIENT) as shop, listening(shop) as socket:
        await hear(socket)
        await shop.world.receive("S", "A", 5)
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
        assert any(line["event"] == "request failed" for line in shop.world.log_lines())


async def test_pages_of_other_sites_are_refused() -> None:
    async with serving(PATIENT) as shop:
        status, told = await refused(shop, Origin="https://evil.example")
        assert (status, told["code"]) == (403, "forbidden")
        async with listening(shop, Origin="http://testserver") as socket:
            await hear(socket)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?after=x", "validation_error"),
        ("?type=news", "validation_error"),
        ("?a=1", "validation_error"),
    ],
)
async def test_what_is_malformed_is_refused_as_a_problem(query: str, code: str) -> None:
    async with serving(PATIENT) as shop:
        status, told = await refused(shop, query)
        assert (status, told["code"]) == (400, code)


async def test_an_unknown_tenant_is_refused() -> None:
    async with serving(PATIENT) as shop:
        assert (await refused(shop, X_Tenant_ID="nobody"))[0] == 404


async def test_more_listeners_than_there_are_places_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "LISTENERS_MAX", 1)
    async with serving(PATIENT) as shop, listening(shop) as socket:
        assert (await refused(shop))[0] == 503
        await shop.world.receive("S", "A", 5)
        await hear(socket)


async def test_a_message_that_is_too_large_ends_the_connection() -> None:
    async with serving(PATIENT) as shop, listening(shop) as socket:
        await hear(socket)
        await socket.send("x" * MESSAGE_BYTES_MAX)
        await shop.world.receive("S", "A", 5)
        assert (await hear(socket))[0]["sequence"] == 1
        await socket.send("x" * (MESSAGE_BYTES_MAX + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await hear(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_listeners_count_among_the_connections() -> None:
    async with serving(PATIENT, connections_max=2) as shop:
        async with listening(shop) as one, listening(shop) as other:
            await hear(one)
            await hear(other)
            assert shop.door.sockets == 2
            async with shop.connection() as third:
                assert (await third.hear()).is_problem(503, "overloaded")
        async with shop.connection() as fourth:
            await fourth.send(LIVENESS)
            assert (await fourth.hear()).status == 200
        assert shop.door.sockets == 0


UPGRADE = (
    b"GET /ws HTTP/1.1\r\nhost: testserver\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


async def test_a_body_makes_no_websocket() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(UPGRADE + b"content-length: 3\r\n\r\nabc")
        assert (await connection.hear()).is_problem(400, "validation_error")
        assert await connection.ends()


async def test_behind_a_request_that_is_at_work_there_is_no_websocket() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(receive(5) + UPGRADE + b"\r\n")
        assert (await connection.hear()).status == 200
        assert (await connection.hear()).is_problem(400, "validation_error")
        assert await connection.ends()


async def test_behind_requests_that_were_answered_a_connection_may_become_a_websocket() -> None:
    async with serving(PATIENT) as shop, shop.connection() as connection:
        await connection.send(receive(5))
        assert (await connection.hear()).status == 200
        await connection.send(UPGRADE + b"\r\n")
        assert (await connection.hear()).status == 101
