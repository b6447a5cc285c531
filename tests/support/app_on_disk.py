"""The whole service short of sockets: the interface over a tenant on a disk in memory."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from functools import partial
from typing import Any, NamedTuple

from holdfast.domain.records import STOCK, Key
from holdfast.http.services import HttpConfig
from tests.support.opened import Tenant, until
from tests.unit.http.world import World

NDJSON = "application/x-ndjson"
#: No limit, and keys that outlive every test.
CONFIG = HttpConfig(rate_limit_rps=0, idemp_ttl_ms=24 * 3600 * 1000)


class Asked(NamedTuple):
    """A request as a client makes it; `rows` stand for a body of a batch."""

    method: str
    path: str
    body: dict[str, Any] | list[dict[str, Any]] | None = None
    key: str | None = None
    query: str = ""

    @property
    def content(self) -> bytes:
        if isinstance(self.body, list):
            return b"\n".join(json.dumps(row).encode() for row in self.body)
        return b"" if self.body is None else json.dumps(self.body).encode()

    @property
    def scope(self) -> dict[str, Any]:
        kind = NDJSON if isinstance(self.body, list) else "application/json"
        headers = [(b"host", b"testserver")]
        if self.body is not None:
            headers.append((b"content-type", kind.encode()))
        if self.key is not None:
            headers.append((b"idempotency-key", self.key.encode()))
        return {
            "type": "http",
            "method": self.method,
            "path": self.path,
            "query_string": self.query.encode(),
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }


class Told(NamedTuple):
    """An answer; the values are those of its lines."""

    status: int
    headers: dict[str, str]
    values: list[Any]

    @property
    def is_replay(self) -> bool:
        return "idempotent-replayed" in self.headers or all(
            isinstance(each, dict) and each.get("replayed") for each in self.values
        )


class Client:
    """One connection for one request; the client may leave at any time."""

    def __init__(self, asked: Asked) -> None:
        content = asked.content
        middle = len(content) // 2
        self._parts = [content[:middle], content[middle:]]
        self._gone = asyncio.Event()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = b""

    def leave(self) -> None:
        self._gone.set()

    async def receive(self) -> MutableMapping[str, Any]:
        await asyncio.sleep(0)
        if self._parts and not self._gone.is_set():
            part = self._parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(self._parts)}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await asyncio.sleep(0)
        if self._gone.is_set():
            return
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self._body += message["body"]

    @property
    def told(self) -> Told | None:
        """The answer, if it came."""
        if not self._body and self._status != 204:
            return None
        lines = [json.loads(line) for line in self._body.splitlines()]
        return Told(self._status, self._headers, lines)


class Watched(Awaitable[None]):
    """Runs to its end like what it wraps, and does something at one of its waits."""

    def __init__(self, work: Awaitable[None], at: int, then: Callable[[], object]) -> None:
        self._work = work
        self._at = at
        self._then = then
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._work.__await__()
        go_on: Callable[[], Any] = partial(next, steps)
        while True:
            try:
                waited = go_on()
            except StopIteration:
                return
            self.waits += 1
            if self.waits == self._at:
                self._then()
            try:
                yield waited
            except BaseException as error:  # noqa: BLE001 - handed on to where it belongs
                go_on = partial(steps.throw, error)
            else:
                go_on = partial(next, steps)


class App:
    """The interface over one open tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.world = World(tenant.ledger, CONFIG)

    async def close(self) -> None:
        await self.world.close()

    async def ask(self, asked: Asked) -> Told:
        """Ask, and wait for the answer."""
        client = Client(asked)
        await self.world.app(asked.scope, client.receive, client.send)
        told = client.told
        assert told is not None, asked
        return told

    async def ask_and_be_cut(self, asked: Asked, at: int, *, cancelled: bool) -> bool:
        """Ask, and have the client leave, or the server cancel, at that wait; whether it came to it."""
        client = Client(asked)
        loop = asyncio.get_running_loop()

        def cut() -> None:
            client.leave()
            if cancelled:
                loop.call_soon(task.cancel)

        work = Watched(self.world.app(asked.scope, client.receive, client.send), at, cut)

        async def serve() -> None:
            await work

        task = loop.create_task(serve())
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
        await until(lambda: self.tenant.ledger._journal.tail is None)
        return work.waits >= at


async def levels_of(tenant: Tenant) -> dict[Key, tuple[int, int, int]]:
    """On hand, reserved and version of every stock record."""
    reading = await tenant.ledger.read()
    return {
        key: (each.on_hand, each.reserved, each.version)
        for key, each in reading.records(STOCK).items()
    }
