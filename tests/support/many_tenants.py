"""A service with many tenants in one process: registry, app and client over a folder."""

import io
import json
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from holdfast.accounts import Accounts, Tokens
from holdfast.http.app import create_app
from holdfast.http.metrics import Metrics
from holdfast.http.services import Health, HttpConfig, Services
from holdfast.journal import Disk, OsDisk
from holdfast.journal.faulty_disk import FaultyDisk
from holdfast.ledger.checkpointer import CheckpointEvery
from holdfast.ledger.clock import SystemClock
from holdfast.ledger.file_ledger import FileLedger, LedgerConfig
from holdfast.ledger.opening import Loaded
from holdfast.logs import Logs
from holdfast.tenancy import LedgersConfig, TenantRegistry
from tests.unit.http.world import UNLIMITED, hold_to_description

NEVER_IDLE = LedgersConfig(idle_s=3600, retry_ms=50)


class ManyTenants(Health):
    """Opened and closed as a context; it may be opened again on the same folder."""

    def __init__(
        self,
        folder: Path,
        config: LedgersConfig = NEVER_IDLE,
        *,
        disk: Disk | None = None,
        http: HttpConfig = UNLIMITED,
        tokens: Tokens | None = None,
        faults: FaultyDisk | None = None,
    ) -> None:
        self.folder = folder
        self.metrics = Metrics()
        self.log_stream = io.BytesIO()
        self.logs = Logs("info", self.log_stream, owns_stream=False)
        self._disk = disk or OsDisk()
        self._ids = count(1)
        self.registry = TenantRegistry(
            folder, self._disk, self._make_ledger, config, new_id=lambda: f"own-{next(self._ids)}"
        )
        self.accounts = None if tokens is None else Accounts(self.registry, tokens)
        services = Services(
            http, self.registry, self, self.metrics, self.logs.logger, faults, self.accounts
        )
        self.app = create_app(services)
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app),
            base_url="http://localhost",
            event_hooks={"response": [hold_to_description]},
        )

    def _make_ledger(self, folder: Path, loaded: Loaded) -> FileLedger:
        config = LedgerConfig(
            reservation_retention_ms=3_600_000,
            breaker_cooldown_ms=10_000,
            checkpoint_every=CheckpointEvery(30, 1 << 30),
        )
        return FileLedger(
            folder,
            loaded,
            disk=self._disk,
            clock=SystemClock(),
            new_id=lambda: f"due-{next(self._ids)}",
            config=config,
            count=self.metrics.add,
        )

    async def __aenter__(self) -> Self:
        self.logs.configure()
        await self.registry.open()
        if self.accounts is not None:
            await self.accounts.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.client.aclose()
        await self.registry.close()
        self.logs.close()

    @property
    def draining(self) -> bool:
        return False

    def breakers(self) -> Mapping[str, str]:
        return self.registry.breakers()

    def ledgers(self) -> Iterable[FileLedger]:
        return self.registry.ledgers.values()

    def log_lines(self) -> list[dict[str, Any]]:
        """Everything that was logged."""
        self.logs.sink.flush()
        return [json.loads(line) for line in self.log_stream.getvalue().splitlines()]

    async def provision(self, which: str, /, **more: Any) -> httpx2.Response:
        """Make a tenant with a domain of its own."""
        body = {"name": which, "domain": f"{which}.example", "tenantId": which, **more}
        return await self.client.post("/sys/provision", json=body)

    async def receive(self, tenant: str, sku: str = "A", qty: int = 1) -> httpx2.Response:
        """Take goods in at a tenant."""
        body = {"storeId": "S", "sku": sku, "qty": qty}
        headers = {"x-tenant-id": tenant}
        return await self.client.post("/inventory/receive", json=body, headers=headers)

    async def on_hand(self, tenant: str, sku: str = "A") -> int:
        """Ask a tenant how much it has."""
        answer = await self.client.get(
            f"/stores/S/inventory/{sku}", headers={"x-tenant-id": tenant}
        )
        assert answer.status_code == 200, answer.text
        found: int = answer.json()["onHand"]
        return found
