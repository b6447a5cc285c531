"""Events as a stream, on a real socket: what is sent, where one goes on, and when it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from holdfast.http.live import stream
from holdfast.http.routes import feed
from tests.contract.http.connections import PATIENT, Shop, serving


class Listener:
    """One stream, without its chunks."""

    def __init__(self, reader: asyncio.StreamReader, head: str) -> None:
        self._reader = reader
        self._text = b""
        self.head = head

    async def block(self) -> bytes:
        """The next block, up to its empty line; nothing at the end."""
        async with asyncio.timeout(20):
            while b"\n\n" not in self._text:
                size = int(await self._reader.readline(), 16)
                self._text += (await self._reader.readexactly(size + 2))[:-2]
                if not size:
                    return b""
        block, _, self._text = self._text.partition(b"\n\n")
        return block

    async def event(self) -> tuple[int, dict[str, Any]]:
        """The next event, by its id."""
        first, second = (await self.block()).split(b"\n")
        assert first.startswith(b"id: ")
        assert second.startswith(b"data: ")
        return int(first[4:]), json.loads(second[6:])


@asynccontextmanager
async def streaming(shop: Shop, query: str = "", head: str = "") -> AsyncIterator[Listener]:
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.port)
    request = f"GET /api/v1/events{query} HTTP/1.1\r\nhost: testserver\r\n"
    writer.write(f"{request}accept: text/event-stream\r\n{head}\r\n".encode())
    try:
        listener = Listener(reader, (await reader.readuntil(b"\r\n\r\n")).decode().lower())
        if listener.head.startswith("http/1.1 200"):
            assert await listener.block() == b"retry: 2000"
        yield listener
    finally:
        writer.close()


async def test_a_stream_has_what_was_and_goes_on_with_what_comes() -> None:
    async with serving(PATIENT) as shop:
        await shop.world.receive("S", "A", 5)
        async with streaming(shop) as listener:
            assert "content-type: text/event-stream" in listener.head
            sequence, event = await listener.event()
            assert (sequence, event["sequence"], event["type"]) == (1, 1, "StockReceived")
            page = (await shop.world.get("/events")).json()
            assert page["items"] == [event], "a stream and a page tell the same"
            await shop.world.receive("S", "A", 6)
            assert (await listener.event())[0] == 2


async def test_a_stream_goes_on_behind_the_last_event_that_its_client_heard() -> None:
    async with serving(PATIENT) as shop:
        for _ in range(4):
            await shop.world.receive("S", "A", 5)
        async with streaming(shop, "?after=1", "last-event-id: 3\r\n") as listener:
            assert (await listener.event())[0] == 4
        async with streaming(shop, "?after=2") as listener:
            assert [(await listener.event())[0] for _ in range(2)] == [3, 4]


async def test_a_malformed_last_event_id_is_refused() -> None:
    async with (
        serving(PATIENT) as shop,
        streaming(shop, "", "last-event-id: one\r\n") as listener,
    ):
        assert listener.head.startswith("http/1.1 400")


async def test_a_stream_has_only_what_is_wanted() -> None:
    async with serving(PATIENT) as shop:
        await shop.world.receive("S", "A", 5)
        await shop.world.receive("T", "A", 5)
        await shop.world.receive("T", "B", 5)
        async with streaming(shop, "?storeId=T&sku=B&type=StockReceived") as listener:
            assert (await listener.event())[0] == 3


async def test_a_page_has_only_what_is_wanted_and_goes_on_behind_what_it_looked_at() -> None:
    async with serving(PATIENT) as shop:
        await shop.world.receive("S", "A", 5)
        await shop.world.receive("T", "A", 5)
        page = (await shop.world.get("/events?storeId=S")).json()
        assert [each["sequence"] for each in page["items"]] == [1]
        assert (page["after"], page["lastSequence"]) == (2, 2)


async def test_a_long_poll_with_a_filter_waits_on_when_something_else_happens() -> None:
    async with serving(PATIENT) as shop:
        poll = asyncio.create_task(shop.world.get("/events?storeId=T&wait=30"))
        await shop.world.receive("S", "A", 5)
        await shop.world.receive("T", "A", 5)
        page = (await poll).json()
        assert [each["sequence"] for each in page["items"]] == [2]


async def test_a_quiet_stream_shows_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.0)
    monkeypatch.setattr(feed, "WAIT_STEP_S", 0.01)
    async with serving(PATIENT) as shop, streaming(shop) as listener:
        assert await listener.block() == b":"


async def test_a_stream_ends_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "WAIT_STEP_S", 0.01)
    async with serving(PATIENT) as shop, streaming(shop) as listener:
        shop.world.health.drain()
        assert await listener.block() == b""


async def test_more_streams_than_there_are_places_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "WAIT_STEP_S", 0.01)
    monkeypatch.setattr(feed, "STREAMS_MAX", 1)
    async with serving(PATIENT) as shop:
        async with streaming(shop), streaming(shop) as other:
            assert other.head.startswith("http/1.1 503")
        while True:  # The place is free as soon as the server has seen the client leave.
            async with streaming(shop) as again:
                if again.head.startswith("http/1.1 200"):
                    break
