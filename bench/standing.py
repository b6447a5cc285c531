"""`python -m bench.standing`: what the service still does while clients ask more than it can.

Own server, loopback, fixed times. Three parts: `slow` holds connections that never get anywhere
beside ordinary load; `closed` takes ten times the connections; `open` sends twice the rate that it
can sustain, whether or not answers keep up. Each prints a line of JSON with its figures.
"""

import asyncio
import json
import random
import resource
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, cast

import typer
import uvloop

from bench.figures import percentile
from bench.procfs import forget_peak, peak_mib, rss_mib
from bench.server import HOST, ROOT, Server
from bench.stock import UNLIMITED, fill, holdfast, reserve_body, reserve_path

#: Of so many requests one reads and the others reserve.
READ_EVERY: Final = 5
CONNECTIONS: Final = 64
TIMES: Final = 10
#: As many connections as the service has places: the rate that it sustains.
PLACES: Final = 256
#: Connections of an open loop at most: more than the service has places and queue.
POOL_MAX: Final = 4000
NORMAL: Final = 16
HEALTH_EVERY_S: Final = 0.05
#: How soon behind an overload an ordinary client has to be served as ever.
RECOVERY_S: Final = 2.0
_FILES: Final = 16_384
_MS: Final = 1e3


@dataclass
class Seen:
    """What clients saw, by kind of request."""

    accepted_ms: dict[str, list[float]] = field(default_factory=lambda: {"read": [], "write": []})
    refused: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)

    def note(self, kind: str, status: int, took_s: float) -> None:
        """Count one answer; `took_s` counts from when the request was due."""
        if status in {200, 201}:
            self.accepted_ms[kind].append(took_s * _MS)
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

    def connection_lost(self, exc: Exception | None) -> None:
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
            _request(b"POST", reserve_path(rng.randrange(100)), reserve_body(rng))
            for _ in range(2000)
        ]
        path = reserve_path(0).removesuffix("/reserve")
        self._read = _request(b"GET", path, b"")
        self._number = 0

    def draw(self) -> tuple[str, bytes]:
        """The kind of the next request, and its bytes."""
        self._number += 1
        if self._number % READ_EVERY == 0:
            return "read", self._read
        return "write", self._writes[self._number % len(self._writes)]


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


async def open_loop(port: int, rate: float, seconds: float, requests: Requests) -> Seen:
    """Requests at fixed instants, each on a connection that rests, or on a new one."""
    loop = asyncio.get_running_loop()
    seen = Seen()
    resting: list[Client] = []
    waiting: list[tuple[str, bytes, float]] = []
    opened: list[Client] = []

    def answered(client: Client, status: int) -> None:
        seen.note(client.kind, status, loop.time() - client.due)
        if waiting:
            kind, request, due = waiting.pop(0)
            client.ask(kind, request, due)
        else:
            resting.append(client)

    for _ in range(CONNECTIONS):
        opened.append(await _connect(port, answered))
    resting += opened
    start, sent = loop.time(), 0
    while (now := loop.time() - start) < seconds:
        while sent < now * rate:
            due = start + sent / rate
            sent += 1
            while resting and not resting[-1].is_open:
                opened.remove(resting.pop())
            if resting:
                resting.pop().ask(*requests.draw(), due)
            elif len(opened) < POOL_MAX:
                client = await _connect(port, answered)
                opened.append(client)
                client.ask(*requests.draw(), due)
            else:
                waiting.append((*requests.draw(), due))
        await asyncio.sleep(0.001)
    for kind, _, _ in waiting:
        seen.other[f"{kind} never sent"] += 1
    waiting.clear()
    await asyncio.sleep(3)
    for client in opened:
        client.close()
    return seen


async def _connect(port: int, answered: Callable[[Client, int], None]) -> Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(answered), HOST, port)
    return client


class Slow(asyncio.Protocol):
    """A client that never gets anywhere, and comes again when it was thrown out."""

    def __init__(self, port: int, first: bytes, drop: bytes, reads: bool) -> None:
        self._port, self._first, self._drop, self._reads = port, first, drop, reads
        self._transport: asyncio.Transport | None = None
        self.ends = False
        self.thrown_out = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # That of uvloop is one, but no subclass.
        self._transport = cast("asyncio.Transport", transport)
        if not self._reads:
            self._transport.pause_reading()
        self._transport.write(self._first)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    async def live(self) -> None:
        """Drop by drop."""
        loop = asyncio.get_running_loop()
        while not self.ends:
            if self._transport is None or self._transport.is_closing():
                self.thrown_out += 1
                try:
                    await loop.create_connection(lambda: self, HOST, self._port)
                except OSError:
                    pass
            elif self._drop:
                self._transport.write(self._drop)
            await asyncio.sleep(1)
        if self._transport is not None:
            self._transport.abort()


def _slow_ones(port: int, each: int) -> list[Slow]:
    head = b"GET /health/liveness HTTP/1.1\r\nhost: h\r\n"
    body = b"POST /api/v1/inventory/receive HTTP/1.1\r\nhost: h\r\n"
    body += b"content-type: application/json\r\ncontent-length: 9999\r\n\r\n"
    large = b"GET /openapi.json HTTP/1.1\r\nhost: h\r\n\r\n" * 40
    kinds = [(head, b"x-a: b\r\n", True), (body, b" ", True), (large, b"", False)]
    return [Slow(port, *kind) for kind in kinds for _ in range(each)]


async def _watch_health(port: int, seconds: float) -> tuple[list[float], Counter[int]]:
    """Ask for readiness at fixed instants on one connection after the other."""
    loop = asyncio.get_running_loop()
    took: list[float] = []
    statuses: Counter[int] = Counter()
    ends = loop.time() + seconds
    due = loop.time()
    while due < ends:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"GET /health/readiness HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        answer = await reader.read()
        took.append((loop.time() - due) * _MS)
        statuses[int(answer[9:12])] += 1
        writer.close()
        due = max(due + HEALTH_EVERY_S, loop.time())
        await asyncio.sleep(due - loop.time())
    return took, statuses


async def slow(server: Server, seconds: float, each: int, seed: int) -> dict[str, Any]:
    """Ordinary load alone, and beside so many slow connections of each kind."""
    alone = await closed_loop(server.port, NORMAL, seconds / 4, Requests(seed))
    before = rss_mib(server.pid)
    forget_peak(server.pid)
    slow_ones = _slow_ones(server.port, each)
    tasks = [asyncio.create_task(one.live()) for one in slow_ones]
    await asyncio.sleep(3)
    (took, statuses), beside = await asyncio.gather(
        _watch_health(server.port, seconds),
        closed_loop(server.port, NORMAL, seconds, Requests(seed)),
    )
    thrown_out = sum(one.thrown_out for one in slow_ones) - len(slow_ones)
    for one in slow_ones:
        one.ends = True
    await asyncio.gather(*tasks)
    return {
        "part": "slow",
        "slow_connections": len(slow_ones),
        "thrown_out": thrown_out,
        "health_p50_ms": round(percentile(took, 50), 1),
        "health_p99_ms": round(percentile(took, 99), 1),
        "health_answers": dict(statuses),
        "rss_before_mib": round(before),
        "rss_peak_mib": round(peak_mib(server.pid)),
        "alone": alone.figures(seconds / 4),
        "beside": beside.figures(seconds),
        "rate_kept": round(beside.accepted / seconds / max(1, alone.accepted / (seconds / 4)), 2),
    }


class Part(NamedTuple):
    """One stretch of load."""

    seen: Seen
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.seen.accepted / self.seconds

    @property
    def per_cpu_s(self) -> float:
        """Accepted requests for each second of the server's CPU: what other work here cannot change."""
        return self.seen.accepted / max(self.cpu_s, 0.01)

    def to_json(self) -> dict[str, Any]:
        return self.seen.figures(self.seconds) | {"accepted_per_cpu_s": round(self.per_cpu_s)}


async def _stretch(server: Server, load: Awaitable[Seen], seconds: float) -> Part:
    before = server.cpu_s
    seen = await load
    return Part(seen, seconds, server.cpu_s - before)


async def overload(
    part: str, server: Server, seconds: float, seed: int, baseline: int
) -> dict[str, Any]:
    """What it sustains, then more than that, then as before."""
    port, requests = server.port, Requests(seed)
    calm_s = seconds / 4
    sustained = await _stretch(server, closed_loop(port, baseline, calm_s, requests), calm_s)
    if part == "closed":
        load = closed_loop(port, baseline * TIMES, seconds, requests)
    else:
        load = open_loop(port, 2 * sustained.rate, seconds, requests)
    crowded, (took, statuses) = await asyncio.gather(
        _stretch(server, load, seconds), _watch_health(port, seconds)
    )
    after = await _stretch(server, closed_loop(port, baseline, RECOVERY_S, requests), RECOVERY_S)
    return {
        "part": part,
        "sustained": sustained.to_json(),
        "overloaded": crowded.to_json(),
        "after": after.to_json(),
        "goodput": round(crowded.rate / sustained.rate, 2),
        "goodput_by_cpu": round(crowded.per_cpu_s / sustained.per_cpu_s, 2),
        "recovery": round(after.rate / sustained.rate, 2),
        "health_p99_ms": round(percentile(took, 99), 1),
        "health_answers": dict(statuses),
    }


def allow_files(number: int = _FILES) -> None:
    """Let this process, and those that it starts, have so many connections, if it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number if most == resource.RLIM_INFINITY else min(number, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def main(
    part: Annotated[str, typer.Argument(help="slow, closed or open.")],
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Length of the overload.")] = 60,
    each: Annotated[int, typer.Option(min=1, max=2000, help="Slow ones of each kind.")] = 500,
    seed: Annotated[int, typer.Option(help="Draws users and SKUs.")] = 1,
    folder: Annotated[Path, typer.Option("--dir", help="Where data goes.")] = ROOT / "data",
) -> None:
    """Run one part on a server of its own and print its figures."""
    parts: dict[str, Callable[[Server], Any]] = {
        "slow": lambda server: slow(server, seconds, each, seed),
        "closed": lambda server: overload(part, server, seconds, seed, CONNECTIONS),
        "open": lambda server: overload(part, server, seconds, seed, PLACES),
    }
    if part not in parts:
        raise typer.BadParameter(f"choose one of {', '.join(parts)}")
    allow_files()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="standing-", dir=folder) as own:
        with holdfast("holdfast", Path(own) / "data", None, dict(UNLIMITED)) as server:
            fill(server)
            figures = uvloop.run(parts[part](server))
    print(json.dumps(figures))


if __name__ == "__main__":
    typer.run(main)
