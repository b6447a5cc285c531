"""The tenants of one DATA_DIR: which there are, and which one a request means.

What exists is what the system journal says: the same engine as a tenant's, in a folder of its own.
A tenant's journal is made durable before the system journal says that the tenant exists, and its
folder is moved away only after the system journal says that it does not. So a crash leaves a
tenant whole or not there at all, and whatever was interrupted may be asked for again.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import structlog

from holdfast.domain.commands import Command
from holdfast.domain.decide.tenants import unknown_tenant
from holdfast.domain.records import DOMAIN, TENANT, Outcome
from holdfast.domain.rejections import Rejected
from holdfast.domain.tenants import (
    DEFAULT_TENANT,
    DELETED,
    LOCALHOST,
    SUSPENDED,
    SYSTEM_TENANT,
    DeleteTenant,
    ProvisionTenant,
    Tenant,
    TrashTenant,
)
from holdfast.journal import Disk, JournalError, Stats
from holdfast.ledger.deciding import SYSTEM_ACTOR
from holdfast.ledger.file_ledger import FileLedger
from holdfast.ledger.port import Ledger, Reading, Unavailable
from holdfast.tenancy.folders import Alone, Folders, never, no_others
from holdfast.tenancy.ledgers import LedgerFactory, Ledgers, LedgersConfig
from holdfast.tenancy.names import Address, domain_of, ids_for

_log = structlog.get_logger("holdfast.tenancy")

_RETRY_MS: Final = 10_000
_DEFAULTS: Final = LedgersConfig()


class TenantRegistry:
    """The tenants of one DATA_DIR; `open` it before anything is asked."""

    def __init__(
        self,
        data_dir: Path,
        disk: Disk,
        make_ledger: LedgerFactory,
        config: LedgersConfig = _DEFAULTS,
        *,
        new_id: Callable[[], str],
        alone: Alone = no_others,
        has_others: Callable[[], bool] = never,
    ) -> None:
        """Make it for a folder.

        Args:
            data_dir: holds everything.
            disk: where files are written.
            make_ledger: makes a ledger of what was loaded.
            config: what the operator set about open ledgers.
            new_id: makes ids for events that nobody asked for, and for tenants without a name.
            alone: keeps other processes from writing in a folder that is made or read.
            has_others: tells whether another process serves the folder now; it may block.
        """
        self._folders = Folders(data_dir, disk, alone)
        self._ledgers = Ledgers(self._folders, make_ledger, config)
        self._make_ledger = make_ledger
        self._new_id = new_id
        self._has_others = has_others
        self._system: FileLedger | None = None
        #: Tenants are made and deleted one after the other: rare, and files go with it.
        self._changing = asyncio.Lock()

    # Opening and closing.

    async def open(self) -> None:
        """Open the system journal, and every tenant for which something is to be done.

        The default tenant is made if it is not there. A tenant that cannot be opened is left alone,
        unless it is the only one.

        Raises:
            JournalError: the system journal, or the only tenant, contradicts itself, or the disk
                said no.
            UnknownEvent: a newer release wrote in one of them.
        """
        loaded = await asyncio.to_thread(self._folders.make_system)
        self._system = self._make_ledger(self._folders.system, loaded)
        try:
            await self._system.start()
            self._system.follow(lambda *_: self._ledgers.addresses.clear())
            await self._open_tenants()
        except BaseException:
            await self.close()
            raise
        self._ledgers.sweep_regularly()

    async def _open_tenants(self) -> None:
        await self._make_default()
        known = list((await self.system.read()).records(TENANT).values())
        for tenant in known:
            if tenant.status == DELETED:
                await self._finish_deletion(tenant)
        living = [tenant.tenant_id for tenant in known if tenant.exists]
        for name in await asyncio.to_thread(self._folders.unknown, set(living)):
            _log.warning("a folder of no tenant: provision it to use it", tenant=name)
        if living == [DEFAULT_TENANT]:
            await self._ledgers.open_or_raise(DEFAULT_TENANT)
            return
        await self._ledgers.open_all(await asyncio.to_thread(self._with_something_to_do, living))

    def _with_something_to_do(self, tenant_ids: Iterable[str]) -> list[str]:
        return [
            tenant_id
            for tenant_id in tenant_ids
            if tenant_id == DEFAULT_TENANT or not self._folders.is_at_rest(tenant_id)
        ]

    async def _make_default(self) -> None:
        """Register the tenant that is always there, with what older releases left of it."""
        if (await self.system.read()).get(TENANT, (DEFAULT_TENANT,)) is not None:
            return
        await asyncio.to_thread(self._folders.ensure, DEFAULT_TENANT)
        action = ProvisionTenant(DEFAULT_TENANT, DEFAULT_TENANT, LOCALHOST)
        await self.system.execute(self._own(action))

    async def _finish_deletion(self, tenant: Tenant) -> None:
        try:
            await self._move_away(tenant)
        except JournalError as error:
            _log.error("a deleted tenant's folder stays", tenant=tenant.tenant_id, error=str(error))

    async def close(self) -> None:
        """Flush, seal and save every tenant, and then the system journal."""
        await self._ledgers.close_all()
        if self._system is not None:
            await self._system.close()

    def hurry(self) -> None:
        """Have no state saved at the end: that only makes the next start shorter."""
        self._ledgers.hurry()
        if self._system is not None:
            self._system.hurry()

    # What a request means.

    @property
    def addresses(self) -> dict[Address, Ledger]:
        """Open ledgers by what requests sent that meant them.

        Who has just resolved an address may add it. It is emptied whenever it may be untrue.
        """
        return self._ledgers.addresses

    async def resolve(self, tenant_header: str | None, host: str | None) -> Ledger:
        """Return the ledger that a request means; it is opened if nobody did yet.

        Args:
            tenant_header: the value of `X-Tenant-ID`; it goes before `host`.
            host: the value of `Host`. `localhost` and IP literals are the default tenant.

        Raises:
            Rejected: there is no such tenant (`not_found`), or it is suspended.
            Unavailable: it cannot be opened.
        """
        tenant_id = await self._meant(tenant_header, host)
        while True:
            ledger = await self._ledgers.get(tenant_id)
            # Perhaps it was suspended, deleted or renamed while it was being opened.
            now_meant = await self._meant(tenant_header, host)
            if now_meant == tenant_id:
                return ledger
            tenant_id = now_meant

    async def _meant(self, tenant_header: str | None, host: str | None) -> str:
        reading = await self.system.read()
        tenant_id = _registered(reading, host) if tenant_header is None else tenant_header
        tenant = None if tenant_id is None else reading.get(TENANT, (tenant_id,))
        if tenant is None or not tenant.exists:
            raise Rejected("not_found", f"There is no tenant here for {tenant_header or host!r}.")
        if tenant.status == SUSPENDED:
            raise Rejected(
                "tenant_suspended",
                f"The tenant {tenant.tenant_id} is suspended. Ask whoever runs this service.",
            )
        return tenant.tenant_id

    async def tenant(self, tenant_id: str) -> Tenant:
        """Return a tenant that exists, suspended or not.

        Raises:
            Rejected: there is none of that id.
        """
        found = (await self.system.read()).get(TENANT, (tenant_id,))
        if found is None or not found.exists:
            raise unknown_tenant(tenant_id)
        return found

    async def tenants(self, after: str, limit: int) -> list[Tenant]:
        """Return up to `limit` tenants with ids above `after`, rising."""
        records = (await self.system.read()).records(TENANT).values()
        above = (each for each in records if each.exists and each.tenant_id > after)
        return sorted(above, key=lambda each: each.tenant_id)[:limit]

    # Changing what there is.

    @property
    def system(self) -> FileLedger:
        """The system journal's ledger."""
        if self._system is None:
            raise RuntimeError("the registry is not open")
        return self._system

    async def provision(self, command: Command, asked: ProvisionTenant) -> Outcome:
        """Make a tenant, or adopt the journal that lies where its own would be.

        Args:
            command: its action is `asked`; an empty `tenant_id` in it is chosen here.
            asked: what the tenant is to be like.

        Raises:
            Rejected: the domain or the id belongs to another tenant.
            Unavailable: the journal cannot be made, or adopted, now.
        """
        async with self._changing:
            tenant_id = asked.tenant_id or await self._free_id(asked)
            reading = await self.system.read()
            known = reading.get(TENANT, (tenant_id,))
            if tenant_id != SYSTEM_TENANT and _may_become(reading, known, asked.domain):
                await self._make(tenant_id, known)
            return await self.system.execute(
                command._replace(action=asked._replace(tenant_id=tenant_id))
            )

    async def _make(self, tenant_id: str, known: Tenant | None) -> None:
        try:
            if known is not None and known.status == DELETED:
                await self._move_away(known)
            await asyncio.to_thread(self._folders.make, tenant_id)
        except Exception as error:
            _log.error("tenant was not provisioned", tenant=tenant_id, error=str(error))
            sentence = f"The tenant {tenant_id} was not provisioned: {error}"
            raise Unavailable("tenant_unavailable", sentence, _RETRY_MS) from error

    async def _free_id(self, asked: ProvisionTenant) -> str:
        """Choose an id: that of the domain's tenant, or one that nobody has, nor a folder."""
        reading = await self.system.read()
        owner = reading.get(DOMAIN, (asked.domain,))
        if owner is not None:
            return owner.tenant_id
        for suggested in ids_for(asked.domain, asked.name):
            known = reading.get(TENANT, (suggested,))
            if known is not None and known.exists:
                continue
            if await asyncio.to_thread(self._is_free, suggested):
                return suggested
        return self._new_id()

    def _is_free(self, tenant_id: str) -> bool:
        try:
            return self._folders.is_free(tenant_id)
        except JournalError:
            return False

    async def change(self, command: Command) -> Outcome:
        """Rename a tenant, give it another domain or look, suspend or resume it.

        Raises:
            Rejected: the business says no.
        """
        return await self.system.execute(command)

    async def delete(self, command: Command, asked: DeleteTenant) -> Outcome:
        """Delete a tenant: from here on nobody finds it; its folder goes to the trash.

        Raises:
            Rejected: there is no such tenant, or it must stay.
            Unavailable: it is deleted, and its folder not moved yet: ask again.
        """
        async with self._changing:
            await self._demand_no_others(asked.tenant_id)
            outcome = await self.system.execute(command)
            tenant = (await self.system.read()).get(TENANT, (asked.tenant_id,))
            if tenant is not None and tenant.status == DELETED:
                try:
                    await self._move_away(tenant)
                except JournalError as error:
                    raise Unavailable("tenant_unavailable", str(error), _RETRY_MS) from error
            return outcome

    async def _demand_no_others(self, tenant_id: str) -> None:
        """See that no other process may have the tenant open: it would go on writing by its name."""
        found = (await self.system.read()).get(TENANT, (tenant_id,))
        if found is not None and found.exists and await asyncio.to_thread(self._has_others):
            raise Rejected(
                "in_use",
                f"Several processes serve the tenant {tenant_id}. End all but one, then delete it; "
                "or suspend it.",
            )

    async def _move_away(self, tenant: Tenant) -> None:
        """Close a tenant that was deleted, move its folder, and note that this is done."""
        await self._ledgers.close(tenant.tenant_id)
        name = tenant.trash or tenant.tenant_id
        await asyncio.to_thread(self._folders.move_to_trash, tenant.tenant_id, name)
        await self.system.execute(self._own(TrashTenant(tenant.tenant_id)))
        _log.warning("a deleted tenant's folder was moved", tenant=tenant.tenant_id, trash=name)

    def _own(self, action: ProvisionTenant | TrashTenant) -> Command:
        return Command(action, self._new_id(), SYSTEM_ACTOR, "tenancy")

    # What is told of them.

    @property
    def ledgers(self) -> Mapping[str, FileLedger]:
        """The open tenants by id."""
        return self._ledgers.open

    def breakers(self) -> Mapping[str, str]:
        """Return each journal's breaker by name: the system's, and those of open or sick tenants."""
        of_tenants = {f"journal:{name}": each for name, each in self._ledgers.breakers().items()}
        return of_tenants | {"system": self.system.guard.breaker.state}

    def stats(self) -> Stats:
        """Return what the tenants' journals counted since the start."""
        return self._ledgers.stats()

    @property
    def times_opened(self) -> int:
        """How often a tenant was opened since the start."""
        return self._ledgers.times_opened

    @property
    def times_closed(self) -> int:
        """How often a tenant was closed since the start."""
        return self._ledgers.times_closed

    def sweep(self) -> None:
        """Begin to close the tenants that are idle for long enough."""
        self._ledgers.sweep()


def _registered(reading: Reading, host: str | None) -> str | None:
    domain = domain_of(host)
    if domain == LOCALHOST:
        return DEFAULT_TENANT
    owner = reading.get(DOMAIN, (domain,))
    return None if owner is None else owner.tenant_id


def _may_become(reading: Reading, known: Tenant | None, domain: str) -> bool:
    """Whether provisioning will make a tenant, as far as can be seen before it is decided."""
    taken = domain == LOCALHOST or reading.get(DOMAIN, (domain,)) is not None
    return not taken and (known is None or not known.exists)
