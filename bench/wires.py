"""Connections that exist in one process only, and the rounds of requests made over them."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

CONNECTIONS: Final = 64


class Wire(asyncio.Transport):
    """A connection whose other side sends the next request as soon as it has an answer."""

    def __init__(self, load: "Load") -> None:
        super().__init__({"peername": ("127.0.0.1", 40_000), "sockname": ("127.0.0.1", 80)})
        self._load = load
        self.protocol: Any = None

    def write(self, data: Any) -> None:  # noqa: ANN401 - bytes of any kind
        """Take an answer; its head and its body may come one by one."""
        if data[:5] == b"HTTP/":
            self._load.answered(self, data)

    def send(self, request: bytes) -> None:
        """Let a request arrive in a turn of the loop of its own."""
        asyncio.get_running_loop().call_soon(self.protocol.data_received, request)

    def get_write_buffer_size(self) -> int:
        """Return 0: the other side reads at once."""
        return 0

    def is_closing(self) -> bool:
        """Return false: it stays."""
        return False

    def close(self) -> None:
        """Ignore it: between two rounds a connection may be quiet for long."""

    def pause_reading(self) -> None:
        """Ignore it; the other side waits for its answer anyway."""

    def resume_reading(self) -> None:
        """Ignore it."""


class Load:
    """Some connections to one server, and the rounds that they make."""

    def __init__(
        self,
        protocol: Callable[[], Any],
        requests: Iterator[bytes],
        expected: bytes,
        connections: int = CONNECTIONS,
    ) -> None:
        self._requests = requests
        self._expected = expected
        self._left = 0
        self._under_way = 0
        self._done = asyncio.Event()
        self.wires = [Wire(self) for _ in range(connections)]
        for wire in self.wires:
            wire.protocol = protocol()
            wire.protocol.connection_made(wire)

    def answered(self, wire: Wire, answer: bytes) -> None:
        """Count an answer and ask again, or end the round."""
        if answer[9:12] != self._expected:
            raise SystemExit(f"unexpected answer: {bytes(answer)!r}")
        if self._left:
            self._left -= 1
            wire.send(next(self._requests))
            return
        self._under_way -= 1
        if not self._under_way:
            self._done.set()

    async def round(self, answers: int) -> float:
        """Have so many requests answered; return the CPU time of each, in µs."""
        self._done.clear()
        begin = min(answers, len(self.wires))
        self._left, self._under_way = answers - begin, begin
        before = time.process_time()
        for wire in self.wires[:begin]:
            wire.send(next(self._requests))
        await self._done.wait()
        return (time.process_time() - before) * 1e6 / answers
