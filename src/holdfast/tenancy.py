"""Which tenants there are, in which folders, and which one a request means.

Today there is one tenant, `default`; the names and the folder layout are those of many.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import structlog

from holdfast.domain.rejections import Rejected
from holdfast.journal import Disk, create
from holdfast.ledger.file_ledger import FileLedger
from holdfast.ledger.opening import Loaded, load_tenant

_log = structlog.get_logger("holdfast.tenancy")

DEFAULT_TENANT: Final = "default"

#: Makes a ledger of what was loaded from a tenant's folder.
LedgerFactory = Callable[[Path, Loaded], FileLedger]


class TenantRegistry:
    """The tenants of one DATA_DIR."""

    def __init__(self, data_dir: Path, disk: Disk, make_ledger: LedgerFactory) -> None:
        self._folder = data_dir / "tenants"
        self._disk = disk
        self._make_ledger = make_ledger
        self._open: dict[str, FileLedger] = {}

    async def open(self) -> None:
        """Open every tenant; the default one is made if it is not there.

        Raises:
            JournalError: a folder contradicts itself, or the disk said no.
        """
        ledger = await self._open_tenant(DEFAULT_TENANT)
        self._open[DEFAULT_TENANT] = ledger

    async def _open_tenant(self, tenant_id: str) -> FileLedger:
        folder = self._folder / tenant_id
        loaded = await asyncio.to_thread(self._load, folder, tenant_id)
        ledger = self._make_ledger(folder, loaded)
        await ledger.start()
        return ledger

    def _load(self, folder: Path, tenant_id: str) -> Loaded:
        # A folder that has saved state had a journal once: a new one must not cover its loss.
        if not (folder / "state").exists():
            if not (folder / "journal").exists():
                _log.warning("a new tenant begins with an empty journal", tenant=tenant_id)
            create(folder / "journal", tenant_id, self._disk)
        return load_tenant(folder, tenant_id, self._disk)

    async def close(self) -> None:
        """Flush, seal and save every tenant."""
        for ledger in self._open.values():
            await ledger.close()
        self._open.clear()

    @property
    def ledgers(self) -> dict[str, FileLedger]:
        """The open tenants by id."""
        return self._open

    def resolve(self, tenant_header: str | None, host: str | None) -> FileLedger:
        """Return the ledger that a request means.

        Args:
            tenant_header: the value of `X-Tenant-ID`; it goes before `host`.
            host: the value of `Host`; a port is ignored. `localhost` and IP literals are the
                default tenant.

        Raises:
            Rejected: there is no such tenant (`not_found`).
        """
        tenant_id = tenant_header
        if tenant_id is None:
            tenant_id = DEFAULT_TENANT if _is_local(host) else None
        ledger = None if tenant_id is None else self._open.get(tenant_id)
        if ledger is None:
            raise Rejected("not_found", f"There is no tenant here for {tenant_header or host!r}.")
        return ledger


@lru_cache(maxsize=256)
def _is_local(host: str | None) -> bool:
    """Tell whether a `Host` names the machine rather than a domain; none at all does too."""
    if not host:
        return True
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
