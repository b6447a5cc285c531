"""The service short of its sockets, as one process: HTTP over ledger over journal, on a machine."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple, cast
from unittest.mock import patch

import orjson
import structlog
from structlog.typing import FilteringBoundLogger

from holdfast.http.app import create_app
from holdfast.http.metrics import Metrics
from holdfast.http.services import HttpConfig, Services
from holdfast.journal import Journal
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import Loaded
from holdfast.tenancy import DEFAULT_TENANT, TenantRegistry
from tests.simulation.machine import SimClock, SimLoop
from tests.simulation.mount import Mount

DATA: Final = Path("/simulated")
TENANT_FOLDER: Final = DATA / "tenants" / DEFAULT_TENANT
COOLDOWN_MS: Final = 10_000
KEY_TTL_MS: Final = 3_600_000
RETENTION_MS: Final = 3_600_000
#: So small that segments change, and close, and go to the archive.
SEGMENT_BYTES_MAX: Final = 8 * 1024


class Response(NamedTuple):
    """A whole answer."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body) if self.body else None

    @property
    def code(self) -> str:
        """Why it was refused; empty when it was not."""
        return "" if self.status < 400 else str(self.json["code"])

    @property
    def remembers(self) -> bool:
        """Whether some of it was answered before: that is told while nothing can be written."""
        return self.replayed or b'"replayed":true' in self.body

    @property
    def replayed(self) -> bool:
        return self.headers.get(b"idempotent-replayed") == b"true"


class Complaints:
    """In place of the log: keeps what must not be said in a simulation."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def info(self, event: str, **_: Any) -> None:
        """A request was answered."""

    def error(self, event: str, **said: Any) -> None:
        self.heard.append(f"{event}: {said}")

    warning = critical = error


class Service:
    """One process's service, as `runtime` puts it together."""

    def __init__(self, loop: SimLoop, mount: Mount, complaints: Complaints) -> None:
        self._loop = loop
        self._mount = mount
        self._metrics = Metrics()
        self._ids = count(1)
        self.draining = False
        self.tenants = TenantRegistry(DATA, mount, self._make_ledger, new_id=self._new_id)
        config = HttpConfig(rate_limit_rps=0, idemp_ttl_ms=KEY_TTL_MS)
        logger = cast(FilteringBoundLogger, complaints)
        self.app = create_app(Services(config, self.tenants, self, self._metrics, logger))

    def _make_ledger(self, folder: Path, loaded: Loaded) -> FileLedger:
        return FileLedger(
            folder,
            loaded,
            disk=self._mount,
            clock=self._loop.clock,
            new_id=self._new_id,
            config=LedgerConfig(RETENTION_MS, COOLDOWN_MS, CheckpointEvery(2, 16 * 1024)),
            count=self._metrics.add,
            threads=self._loop.threads,
        )

    def _new_id(self) -> str:
        return f"own-{self._loop.clock.now_ns:x}-{next(self._ids)}"

    def breakers(self) -> Mapping[str, str]:
        return self.tenants.breakers()

    def ledgers(self) -> Iterable[FileLedger]:
        return self.tenants.ledgers.values()

    def every_ledger(self) -> list[FileLedger]:
        """Those of the tenants, and the one that says which tenants there are."""
        return [*self.ledgers(), self.tenants.system]

    @property
    def ledger(self) -> FileLedger:
        assert DEFAULT_TENANT in self.tenants.ledgers, "the tenant is not open"
        return self.tenants.ledgers[DEFAULT_TENANT]

    async def request(
        self,
        method: str,
        address: str,
        body: bytes,
        headers: Mapping[str, str],
        gone: asyncio.Event,
    ) -> Response:
        """Serve one request whose client leaves when `gone` is set."""
        path, _, query = address.partition("?")
        asked = [{"type": "http.request", "body": body, "more_body": False}]
        told: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if asked:
                return asked.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            told.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
        }
        await self.app(scope, receive, send)
        if not told:
            raise ConnectionResetError
        return Response(told[0]["status"], dict(told[0]["headers"]), told[1]["body"])


@contextmanager
def repeatable(clock: SimClock) -> Iterator[None]:
    """Let nothing that a process draws from its surroundings differ between two runs.

    Clocks and ids of the ledger, disk and threads are handed in; these here are what the service
    takes for itself, by name: ids of requests, slices of long work, numbers of temporary files.
    """
    numbers = count(1)

    def next_id() -> str:
        return f"{clock.wall_ms():012x}-{next(numbers):08x}"

    with ExitStack() as stack:
        for module in ("call", "headers", "batch.each"):
            stack.enter_context(patch(f"holdfast.http.{module}.uuid7", next_id))
        for module in ("http.slices", "ledger.many"):
            stack.enter_context(patch(f"holdfast.{module}.perf_counter", clock.seconds))
        stack.enter_context(patch("holdfast.journal.guard._generations", count(1)))
        sizes = {**(Journal.__init__.__kwdefaults__ or {}), "segment_bytes_max": SEGMENT_BYTES_MAX}
        stack.enter_context(patch.object(Journal.__init__, "__kwdefaults__", sizes))
        yield


@contextmanager
def heard(complaints: Complaints) -> Iterator[None]:
    """Keep what the service logs as critical; the rest is expected of bad disks."""

    def keep(_: Any, level: str, event: Any) -> Any:
        if level == "critical":
            complaints.heard.append(str(event))
        raise structlog.DropEvent

    before = structlog.get_config()["processors"]
    structlog.configure(processors=[keep])
    try:
        yield
    finally:
        structlog.configure(processors=before)
