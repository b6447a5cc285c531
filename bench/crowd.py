"""Clients that ask more than a server can do: closed and open loops, and those that get nowhere."""

import asyncio
import json
import random
import socket
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, cast

from bench.figures import percentile
from bench.server import HOST
from bench.stock import SKUS, STORE, sku

#: Of so many requests one reads and the others reserve.
READ_EVERY: Final = 5
#: Connections of an open loop: more than the service has places and queue for writes.
POOL: Final = 1500
REPLACED_AT_ONCE: Final = 20
LAST_ANSWERS_S: Final = 3.0
#: A basket has so many lines, so that one process can ask for more than another can do.
LINES: Final = 10
#: So many answers of some hundred KiB are asked for and never read.
ANSWERS_UNREAD: Final = 4
#: Slow ones come one after the other within this time, not all at one instant.
ARRIVE_WITHIN_S: Final = 2.0
MS_PER_S: Final = 1e3


@dataclass
class Seen:
    """What clients saw, by kind of request."""

    accepted_ms: dict[str, list[float]] = field(default_factory=lambda: {"read": [], "write": []})
    refused: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, status: int, took_s: float) -> None:
        """Count one answer; `took_s` counts from when the request was due."""
        if status in {200, 201}:
            self.accepted_ms[kind].append(took_s * MS_PER_S)
        elif status in {429, 503}:
            self.refused[kind] += 1
        else:
            self.other[f"{kind} {status}"] += 1

    @property
    def accepted(self) -> int:
        return sum(map(len, self.accepted_ms.values()))

    def share(self, kind: str) -> float:
        """Of the requests of a kind, the share that was accepted."""
        good = len(self.accepted_ms[kind])
        return good / max(1, good + self.refused[kind])

    def figures(self, seconds: float) -> dict[str, Any]:
        """The figures of a part that lasted so long."""
        every = [each for kind in self.accepted_ms.values() for each in kind]
        return {
            "accepted_per_s": round(self.accepted / seconds),
            "refused_per_s": round(self.refused.total() / seconds),
            "other": dict(self.other),
            "reads_accepted": round(self.share("read"), 3),
            "writes_accepted": round(self.share("write"), 3),
            "p50_ms": round(percentile(every, 50), 1) if every else None,
            "p99_ms": round(percentile(every, 99), 1) if every else None,
        }


class Client(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self, on_answer: Callable[["Client", int], None]) -> None:
        self._on_answer = on_answer
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.kind = "read"
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # That of uvloop is one, but no subclass.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    def ask(self, kind: str, request: bytes, due: float) -> None:
        """Send a request that was due then."""
        self.kind, self.due = kind, due
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(rest) >= length:
            self._buffer = b""
            self._on_answer(self, int(head[9:12]))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Requests:
    """Draws what is asked next."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self._writes = [
            _request(b"POST", "/api/v1/reservations", _basket(rng)) for _ in range(2000)
        ]
        self._read = _request(b"GET", "/api/v1/stock?limit=20", b"")
        self._number = 0

    def draw(self) -> tuple[str, bytes]:
        """The kind of the next request, and its bytes."""
        self._number += 1
        if self._number % READ_EVERY == 0:
            return "read", self._read
        return "write", self._writes[self._number % len(self._writes)]


def _basket(rng: random.Random) -> bytes:
    lines = [{"sku": sku(number), "qty": 1} for number in rng.sample(range(SKUS), LINES)]
    user = f"user-{rng.randrange(1000)}"
    return json.dumps(
        {"storeId": STORE, "userId": user, "ttlSeconds": 3600, "lines": lines}
    ).encode()


def _request(method: bytes, path: str, body: bytes) -> bytes:
    head = b"%s %s HTTP/1.1\r\nHost: %s\r\n" % (method, path.encode(), HOST.encode())
    if body:
        head += b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return head + b"\r\n" + body


async def closed_loop(port: int, connections: int, seconds: float, requests: Requests) -> Seen:
    """Each connection asks again as soon as it was answered, refused or not."""
    loop = asyncio.get_running_loop()
    seen, ends = Seen(), loop.time() + seconds

    def answered(client: Client, status: int) -> None:
        now = loop.time()
        seen.note(client.kind, status, now - client.due)
        if now < ends:
            client.ask(*requests.draw(), now)

    clients = [await _connect(port, answered) for _ in range(connections)]
    ends = loop.time() + seconds
    for client in clients:
        client.ask(*requests.draw(), loop.time())
    await asyncio.sleep(seconds + 0.5)
    for client in clients:
        client.close()
    return seen


class OpenLoop:
    """Requests at fixed instants; one that finds no connection at rest waits, and is charged."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._resting: list[Client] = []
        self._waiting: deque[tuple[str, bytes, float]] = deque()
        self.seen = Seen()

    async def run(self, port: int, rate: float, seconds: float) -> Seen:
        loop = asyncio.get_running_loop()
        opened = [await _connect(port, self._answered) for _ in range(POOL)]
        self._resting += opened
        start, sent = loop.time(), 0
        while (passed := loop.time() - start) < seconds:
            while sent < passed * rate:
                self._send(start + sent / rate)
                sent += 1
            self._resting += await _replaced(opened, port, self._answered)
            await asyncio.sleep(0.001)
        for kind, _, _ in self._waiting:
            self.seen.other[f"{kind} never sent"] += 1
        self._waiting.clear()
        await asyncio.sleep(LAST_ANSWERS_S)
        for client in opened:
            client.close()
        return self.seen

    def _send(self, due: float) -> None:
        while self._resting and not self._resting[0].is_open:
            self._resting.pop(0)
        if self._resting:
            self._resting.pop().ask(*self._requests.draw(), due)
        else:
            self._waiting.append((*self._requests.draw(), due))

    def _answered(self, client: Client, status: int) -> None:
        self.seen.note(client.kind, status, asyncio.get_running_loop().time() - client.due)
        if self._waiting:
            client.ask(*self._waiting.popleft())
        else:
            self._resting.append(client)


async def _replaced(
    opened: list[Client], port: int, answered: Callable[[Client, int], None]
) -> list[Client]:
    """New connections in the place of those that the server closed, a few at a time."""
    fresh: list[Client] = []
    for place, client in enumerate(opened):
        if not client.is_open and len(fresh) < REPLACED_AT_ONCE:
            opened[place] = await _connect(port, answered)
            fresh.append(opened[place])
    return fresh


async def _connect(port: int, answered: Callable[[Client, int], None]) -> Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(answered), HOST, port)
    return client


class Slow:
    """A client that never gets anywhere, never reads, and comes again when it was thrown out."""

    def __init__(self, port: int, delay_s: float, first: bytes, drop: bytes) -> None:
        self._port, self._delay_s, self._first, self._drop = port, delay_s, first, drop
        self.ends = False
        self.connected = 0

    async def live(self) -> None:
        """Drop by drop, on a bare socket: a transport would read ahead."""
        await asyncio.sleep(self._delay_s)
        while not self.ends:
            with socket.socket() as own, suppress(OSError):
                own.setblocking(False)
                await asyncio.get_running_loop().sock_connect(own, (HOST, self._port))
                self.connected += 1
                own.send(self._first)
                while not self.ends:
                    await asyncio.sleep(1)
                    with suppress(BlockingIOError):
                        own.send(self._drop)


def make_slow_ones(port: int, each: int) -> list[Slow]:
    """So many of each kind: with a slow head, with a slow body, and that never read an answer."""
    head = b"GET /health/liveness HTTP/1.1\r\nhost: h\r\n"
    body = b"POST /api/v1/inventory/receive HTTP/1.1\r\nhost: localhost\r\n"
    body += b"content-type: application/json\r\ncontent-length: 9999\r\n\r\n"
    large = b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n"
    kinds = [(head, b"x-a: b\r\n"), (body, b" "), (large * ANSWERS_UNREAD, b"\r\n")]
    delays_s = (ARRIVE_WITHIN_S * number / each for number in range(each) for _ in kinds)
    return [Slow(port, next(delays_s), *kind) for _ in range(each) for kind in kinds]
