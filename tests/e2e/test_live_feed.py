"""The live feed of a process: ends, restarts, and clients that do not read."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.listeners import measure, serving
from tests.e2e.processes import Server

_PATIENCE_S = 60
HANDSHAKE = (
    b"GET /ws?after=0 HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def listening(server: Server, after: int) -> connect:
    url = f"ws://127.0.0.1:{server.port}/ws?after={after}"
    return connect(url, proxy=None, compression=None)


async def hear(client: ClientConnection) -> list[dict[str, Any]]:
    async with asyncio.timeout(_PATIENCE_S):
        return list(json.loads(await client.recv()))


async def hear_until(client: ClientConnection, sequence: int) -> list[int]:
    """The sequences up to that one, as they come."""
    heard: list[int] = []
    while not heard or heard[-1] < sequence:
        frame = await hear(client)
        assert frame[0]["type"] != "reset"
        if frame[0]["type"] != "heartbeat":
            heard.append(frame[0]["sequence"])
    return heard


async def receive(http: httpx2.AsyncClient, rows: int, times: int = 1) -> int:
    """Take goods in, so many SKUs at a time; return the newest event."""
    for _ in range(times):
        lines = [{"storeId": "S", "sku": f"sku-{each}", "qty": 1} for each in range(rows)]
        body = "\n".join(json.dumps({"op": "receive", **line}) for line in lines)
        answer = await http.post(
            "/batch?atomic=true", content=body, headers={"content-type": "application/x-ndjson"}
        )
        assert answer.status_code == 200, answer.text
    return int((await http.get("/events?limit=1")).json()["lastSequence"])


async def test_a_listener_hears_each_event_once_through_the_end_of_a_process(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path, RATE_LIMIT_RPS="0")
    with server.running():
        async with httpx2.AsyncClient(base_url=server.url) as http, listening(server, 0) as client:
            newest = await receive(http, 3, 5)
            assert await hear_until(client, newest) == list(range(1, newest + 1))
            await asyncio.to_thread(server.stop)
            with pytest.raises(ConnectionClosed) as closed:
                await hear_until(client, newest + 1)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
        await asyncio.to_thread(server.start)
        async with httpx2.AsyncClient(base_url=server.url) as http:
            later = await receive(http, 3, 2)
            async with listening(server, newest - 2) as client:
                assert await hear_until(client, later) == list(range(newest - 1, later + 1))


async def test_who_does_not_read_is_told_to_load_afresh_and_holds_up_nobody(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path, RATE_LIMIT_RPS="0")
    with (
        server.running(),
        socket.socket() as stalled,
    ):
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect(("127.0.0.1", server.port))
        stalled.sendall(HANDSHAKE)
        async with httpx2.AsyncClient(base_url=server.url) as http, listening(server, 0) as client:
            # More records than the ring holds, and more text than sockets take.
            newest = await receive(http, 1000, 80)
            assert await hear_until(client, newest) == list(range(1, newest + 1))
            heard = await asyncio.to_thread(_read_until_reset, stalled)
            assert b'"type":"reset"' in heard
            last = await receive(http, 1)
            assert await hear_until(client, last) == list(range(newest + 1, last + 1))


def test_many_hear_in_time_beside_some_who_do_not_read(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        figures = measure(server, clients=60, stalled=6, rate=20, seconds=3)
    assert figures["messages"] == 54 * 60
    assert figures["latenessMs"]["p99"] < 1000


def _read_until_reset(stalled: socket.socket) -> bytes:
    """Read on, all that was kept, to where the server says that there was more."""
    stalled.settimeout(_PATIENCE_S)
    heard = b""
    while b'"type":"reset"' not in heard:
        piece = stalled.recv(1 << 20)
        assert piece, "the server hung up"
        heard = heard[-64:] + piece
    return heard
