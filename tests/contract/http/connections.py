"""A server on a socket, and a client that sends it bytes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, NamedTuple

import uvicorn
from uvicorn.server import ServerState

from holdfast.http.door import Door, HeadLimits
from holdfast.http.protocol import BoundedProtocol
from holdfast.http.socket_protocol import MESSAGE_BYTES_MAX
from holdfast.resilience.rate_limit import RateLimiter
from tests.unit.http.memory_ledger import MemoryLedger
from tests.unit.http.world import PROBLEM_MEMBERS, World

LIVENESS = b"GET /health/liveness HTTP/1.1\r\nhost: testserver\r\n\r\n"
#: For ever, as far as a test is concerned, and at once.
PATIENT = HeadLimits(timeout_s=3600)
HASTY = HeadLimits(timeout_s=0.05)


def receive(qty: int, padding: int = 0) -> bytes:
    body = json.dumps({"storeId": "S", "sku": "A", "qty": qty}).encode() + b" " * padding
    return (
        b"POST /inventory/receive HTTP/1.1\r\nhost: testserver\r\ncontent-type: application/json\r\n"
        + b"content-length: %d\r\n\r\n%s" % (len(body), body)
    )


def begin_chunks(path: str = "/inventory/receive", **headers: str) -> bytes:
    """The head of a request whose body comes in chunks."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nhost: testserver\r\ncontent-type: application/json\r\n"
        f"transfer-encoding: chunked\r\n{lines}\r\n"
    ).encode()


class Heard(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told

    def is_problem(self, status: int, code: str) -> bool:
        """Assert all that every refusal of a connection has in common."""
        assert (self.status, self.json["code"]) == (status, code), self.body
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["connection"] == "close"
        assert set(self.json) >= PROBLEM_MEMBERS
        assert self.json["requestId"] == self.headers["x-request-id"]
        return True


class Connection:
    """One socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send pieces that arrive one by one: the server has looked at each before the next."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            for _ in range(20):
                await asyncio.sleep(0)

    async def hear(self) -> Heard:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Heard(int(head[0].split()[1]), headers, body)

    async def ends(self) -> bool:
        """Whether nothing more comes, and the server has closed its side."""
        return await self._reader.read() == b""

    def close(self) -> None:
        self._writer.close()


class Shop:
    """A server on a port of its own."""

    def __init__(self, world: World, door: Door, port: int) -> None:
        self.world = world
        self.door = door
        self.port = port

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        connection = Connection(*await asyncio.open_connection("127.0.0.1", self.port))
        try:
            yield connection
        finally:
            connection.close()

    def refusals(self) -> list[int]:
        """The statuses of requests that found no route, as the log has them."""
        lines = [line for line in self.world.log_lines() if line["event"] == "request"]
        return [line["status"] for line in lines if line["route"] == "(none)"]


@asynccontextmanager
async def serving(
    limits: HeadLimits,
    ledger: MemoryLedger | None = None,
    keep_alive_s: int = 3600,
    limiter: RateLimiter | None = None,
    connections_max: int = 1000,
) -> AsyncIterator[Shop]:
    world = World(MemoryLedger() if ledger is None else ledger)
    door = Door(world.metrics, world.logs.logger, limits, limiter, connections_max)
    config = uvicorn.Config(
        world.app,
        http=partial(BoundedProtocol, door),  # type: ignore[arg-type]  # it only calls it
        ws=door.socket,  # type: ignore[arg-type]  # as above
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=keep_alive_s,
    )
    config.load()
    state = ServerState()
    listener = await asyncio.get_running_loop().create_server(
        lambda: BoundedProtocol(door, config=config, server_state=state, app_state={}),
        "127.0.0.1",
        0,
    )
    try:
        yield Shop(world, door, listener.sockets[0].getsockname()[1])
    finally:
        listener.close()
        for connection in list(state.connections):
            connection.transport.abort()
        await world.close()
