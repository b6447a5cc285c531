"""Many who listen over WebSockets, some of whom never read: how late do the others hear, and at what cost?

    python -m bench.listeners --clients 1000 --stalled 50 --rate 20 --seconds 60

Lateness counts from the instant that stands in the message, the event's own, to the one at which the
client has read it. All is on one machine, so it is one clock. Every client but the stalled ones must
have heard each sequence once, in order.
"""

import argparse
import asyncio
import json
import socket
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import orjson

from bench.errors import BenchFailed
from bench.figures import percentile
from bench.procfs import peak_mib, rss_mib
from bench.server import HOST, Server
from bench.stock import holdfast

#: Connections that are opened at the same time.
_AT_ONCE: Final = 50
_LAST_MESSAGES_S: Final = 30.0
_SHORT: Final = 126
_STALLED_BUFFER_BYTES: Final = 4096
HANDSHAKE: Final = (
    b"GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@dataclass
class Heard:
    """What all clients heard together."""

    late_ms: list[float] = field(default_factory=list)
    out_of_order: int = 0


class Client(asyncio.Protocol):
    """A client as cheap as one can be: it reads frames of text, and answers pings."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._buffer = b""
        self._in_head = True
        self._transport: asyncio.Transport | None = None
        self.reached: int | None = None
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(HANDSHAKE)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio gives it
        self.is_lost = True

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        if self._in_head:
            head, end, buffer = buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            self._in_head = False
        start = 0
        while (frame := _frame_at(buffer, start)) is not None:
            begin, end_at = frame
            self._take(buffer[start] & 15, buffer[begin:end_at])
            start = end_at
        self._buffer = buffer[start:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == 9 and self._transport is not None:
            mask = bytes(4)
            self._transport.write(bytes([0x8A, 0x80 | len(payload)]) + mask + payload)
        if opcode != 1:
            return
        first: dict[str, Any] = orjson.loads(payload)[0]
        sequence: int = first["sequence"]
        if first["type"] != "heartbeat":
            at = datetime.fromisoformat(first["at"]).timestamp()
            self._heard.late_ms.append((time.time() - at) * 1e3)
            if self.reached is not None and sequence != self.reached + 1:
                self._heard.out_of_order += 1
        self.reached = sequence


def _frame_at(buffer: bytes, start: int) -> tuple[int, int] | None:
    """Where the payload of a frame of a server begins and ends; None when it is not all there."""
    if len(buffer) < start + 2:
        return None
    size = buffer[start + 1]
    begin = start + 2
    if size >= _SHORT:
        wide = 2 if size == _SHORT else 8
        if len(buffer) < begin + wide:
            return None
        size = int.from_bytes(buffer[begin : begin + wide], "big")
        begin += wide
    return (begin, begin + size) if len(buffer) >= begin + size else None


async def listen(
    port: int, clients: int, stalled: int, rate: float, seconds: float
) -> dict[str, Any]:
    """Let so many clients listen to so many events a second, and return the figures.

    Raises:
        BenchFailed: a client did not hear all, or not once, or a write was refused.
    """
    heard = Heard()
    sleepers = [_stalled(port) for _ in range(stalled)]
    listeners: list[Client] = []
    try:
        await _connect(listeners, port, heard, clients - stalled)
        newest = await _write(port, rate, seconds)
        await _until(lambda: all(each.reached == newest for each in listeners))
        if heard.out_of_order or any(each.is_lost for each in listeners):
            raise BenchFailed(f"{heard.out_of_order} messages out of order, or clients lost")
    finally:
        for sleeper in sleepers:
            sleeper.close()
        for listener in listeners:
            listener.close()
        await _until(lambda: all(each.is_lost for each in listeners))
    late = sorted(heard.late_ms)
    return {
        "clients": clients,
        "stalled": stalled,
        "events": round(rate * seconds),
        "messages": len(late),
        "latenessMs": {f"p{part}": round(percentile(late, part), 1) for part in (50, 99)},
        "latenessMaxMs": round(late[-1], 1),
    }


def _stalled(port: int) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _STALLED_BUFFER_BYTES)
    client.connect((HOST, port))
    client.sendall(HANDSHAKE)
    return client


async def _connect(listeners: list[Client], port: int, heard: Heard, count: int) -> None:
    loop = asyncio.get_running_loop()
    for begin in range(0, count, _AT_ONCE):
        made = [
            loop.create_connection(lambda: Client(heard), HOST, port)
            for _ in range(min(_AT_ONCE, count - begin))
        ]
        listeners += [client for _, client in await asyncio.gather(*made)]
    await _until(lambda: all(each.reached is not None for each in listeners))


async def _write(port: int, rate: float, seconds: float) -> int:
    """Write at that rate, whatever the answers say; return the newest event."""
    async with httpx2.AsyncClient(base_url=f"http://{HOST}:{port}", timeout=30) as http:
        began = time.monotonic()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            row = {"storeId": "S", "sku": f"sku-{number % 50}", "qty": 1}
            answer = await http.post("/inventory/receive", json=row)
            if answer.status_code != httpx2.codes.OK:
                raise BenchFailed(answer.text)
        newest = (await http.get("/events?limit=1")).json()["lastSequence"]
        return int(newest)


async def _until(holds: Any) -> None:  # noqa: ANN401 - a question
    deadline = time.monotonic() + _LAST_MESSAGES_S
    while not holds():
        if time.monotonic() > deadline:
            raise BenchFailed("not every client heard what it should in time")
        await asyncio.sleep(0.01)


def main() -> None:
    """Run a server, let clients listen to it, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--stalled", type=int, default=50)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        print(json.dumps(measure(server, **vars(given)), indent=2))


def serving(folder: Path) -> AbstractContextManager[Server]:
    """Run Holdfast for them."""
    return holdfast("holdfast", folder / "data", None, {"RATE_LIMIT_RPS": "0"})


def measure(
    server: Server, clients: int, stalled: int, rate: float, seconds: float
) -> dict[str, Any]:
    """Return the figures of a server, with what it took of memory and of a core."""
    before_mib, cpu_s = rss_mib(server.pid), server.cpu_s
    figures = asyncio.run(listen(server.port, clients, stalled, rate, seconds))
    figures["serverMib"] = {
        "before": round(before_mib, 1),
        "peak": round(peak_mib(server.pid), 1),
        "after": round(rss_mib(server.pid), 1),
    }
    figures["serverCpuS"] = round(server.cpu_s - cpu_s, 1)
    return figures


if __name__ == "__main__":
    main()
