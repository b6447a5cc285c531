"""Requests at fixed instants, whether or not the answers keep up.

A latency counts from the instant at which its request was due, not from when it was sent: a
server that stalls is charged for everyone who would have come in that time.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from bench.errors import BenchFailed
from bench.server import HOST

#: How long the last answers may take to come.
_DRAIN_S: Final = 30
_LEAD_S: Final = 0.2
#: A timer of the loop is late by up to a millisecond, so the rest of the way is watched closely.
_WAKE_EARLY_S: Final = 0.0015


class Timed(NamedTuple):
    """One request: when it was sent and answered, in ms behind the instant it was due.

    `number` counts requests in the order in which they were due, from 0.
    """

    sent_ms: float
    answered_ms: float
    status: int
    number: int = 0


def samples(timed: list[Timed]) -> dict[str, list[float]]:
    """The times of all requests in the order in which they were due, to the µs, for a result."""
    in_order = sorted(timed, key=lambda each: each.number)
    return {
        "sent_ms": [round(each.sent_ms, 3) for each in in_order],
        "answered_ms": [round(each.answered_ms, 3) for each in in_order],
    }


class Connection:
    """One kept connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request, read its answer to the end, return its status and body."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status, length = parse_head(head)
        return status, await self._reader.readexactly(length)

    async def close(self) -> None:
        """Leave."""
        self._writer.close()
        await self._writer.wait_closed()


async def connect(port: int) -> Connection:
    """Connect to a server on loopback."""
    return Connection(*await asyncio.open_connection(HOST, port))


def parse_head(head: bytes) -> tuple[int, int]:
    """The status and the content length of an answer."""
    first, *lines = head.split(b"\r\n")
    for line in lines:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(first.split(b" ")[1]), int(value)
    raise BenchFailed(f"An answer has no length: {head!r}")


def post(path: str, body: bytes) -> bytes:
    """A request as bytes."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def run_schedule(
    port: int,
    make_request: Callable[[random.Random], bytes],
    *,
    rate_per_s: int,
    seconds: int,
    connections: int,
    seed: int,
    is_enough: Callable[[], bool] = lambda: False,
) -> list[Timed]:
    """Send requests at a fixed rate, each on the connection that rested longest.

    It ends before its time when `is_enough` says so, which is asked before every request.

    Raises:
        BenchFailed: an answer did not come, or a connection broke.
    """
    rng = random.Random(seed)
    requests = [make_request(rng) for _ in range(rate_per_s * seconds)]
    try:
        return asyncio.run(_run(port, _due(requests, rate_per_s, is_enough), connections))
    except (ExceptionGroup, OSError) as error:
        raise BenchFailed(f"The clients at {rate_per_s} a second failed: {error!r}") from error


def _due(
    requests: list[bytes], rate_per_s: int, is_enough: Callable[[], bool]
) -> Iterator[tuple[float, bytes]]:
    """Every request with the second at which it is due, counted from the first."""
    for number, request in enumerate(requests):
        if is_enough():
            return
        yield number / rate_per_s, request


async def _run(port: int, requests: Iterator[tuple[float, bytes]], connections: int) -> list[Timed]:
    loop = asyncio.get_running_loop()
    resting: asyncio.Queue[Connection] = asyncio.Queue()
    opened = [await connect(port) for _ in range(connections)]
    for connection in opened:
        resting.put_nowait(connection)
    timed: list[Timed] = []

    async def ask(number: int, request: bytes, due: float) -> None:
        connection = await resting.get()
        sent = loop.time()
        status, _ = await connection.exchange(request)
        answered = loop.time()
        timed.append(Timed((sent - due) * 1e3, (answered - due) * 1e3, status, number))
        resting.put_nowait(connection)

    start = loop.time() + _LEAD_S
    async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as tasks:
        for number, (offset, request) in enumerate(requests):
            due = start + offset
            await asyncio.sleep(due - loop.time() - _WAKE_EARLY_S)
            while loop.time() < due:  # noqa: ASYNC110 - a clock sets no event
                await asyncio.sleep(0)
            tasks.create_task(ask(number, request, due))
        limit.reschedule(loop.time() + _DRAIN_S)
    for connection in opened:
        await connection.close()
    return timed
