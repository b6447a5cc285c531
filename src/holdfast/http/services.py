"""What the HTTP interface needs from the rest of the process. `runtime` brings it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from structlog.typing import FilteringBoundLogger

from holdfast.accounts import Accounts
from holdfast.domain.commands import Command
from holdfast.domain.records import Outcome
from holdfast.domain.tenants import DeleteTenant, ProvisionTenant, Tenant
from holdfast.http.live.stream import Streams
from holdfast.http.menus import Menus
from holdfast.http.metrics import Metrics
from holdfast.journal.faulty_disk import FaultyDisk
from holdfast.ledger.port import Ledger
from holdfast.tenancy.names import Address


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """The settings that matter here; times in ms. A `rate_limit_rps` of 0 is no limit."""

    rate_limit_rps: int = 100
    rate_limit_burst: int = 200
    concurrency_api: int = 256
    load_shed_queue_max: int = 1000
    queue_wait_max_ms: int = 2000
    idemp_ttl_ms: int = 300_000
    reservation_ttl_ms: int = 300_000
    reservation_retention_ms: int = 30 * 24 * 3600 * 1000
    #: Origins whose pages may read our answers, and proxies whose word counts.
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    #: Origins of other hosts' pages that may listen to the live feed, in lower case.
    origins: frozenset[str] = frozenset()


class Tenants(Protocol):
    """The tenants there are, and which one a request means."""

    @property
    def addresses(self) -> dict[Address, Ledger]:
        """Open ledgers by what requests sent that meant them.

        Who has just resolved an address may add it; whatever makes one untrue empties it.
        """

    async def resolve(self, tenant_header: str | None, host: str | None) -> Ledger:
        """Return the tenant's ledger; it is opened if it is not.

        Args:
            tenant_header: the value of `X-Tenant-ID`, if it was given; it goes first.
            host: the value of `Host`, with its port.

        Raises:
            Rejected: `not_found`, or `tenant_suspended`.
            Unavailable: the tenant is known but cannot be opened.
        """

    async def tenant(self, tenant_id: str) -> Tenant:
        """Return a tenant that exists, suspended or not.

        Raises:
            Rejected: `not_found`.
        """

    async def tenants(self, after: str, limit: int) -> list[Tenant]:
        """Return up to `limit` tenants with ids above `after`, rising."""

    async def provision(self, command: Command, asked: ProvisionTenant) -> Outcome:
        """Make a tenant; `asked` is the command's action, and may leave the id open.

        Raises:
            Rejected: `already_exists`.
            Unavailable: its journal cannot be made now.
        """

    async def change(self, command: Command) -> Outcome:
        """Change a tenant.

        Raises:
            Rejected: `not_found`, `version_conflict`, `already_exists`.
        """

    async def delete(self, command: Command, asked: DeleteTenant) -> Outcome:
        """Delete a tenant and move its folder to the trash; `asked` is the command's action.

        Raises:
            Rejected: `not_found`, `version_conflict`, `in_use`.
            Unavailable: it is deleted, but its folder was not moved.
        """


class Health(Protocol):
    """How the process is."""

    @property
    def draining(self) -> bool:
        """Whether the process is about to end and takes no new work."""

    def breakers(self) -> Mapping[str, str]:
        """Return each circuit breaker's state: `closed`, `open` or `half_open`."""

    def ledgers(self) -> Iterable[Ledger]:
        """Return the ledgers of the tenants that are open."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that the interface is made with, and what it keeps to answer from."""

    config: HttpConfig
    tenants: Tenants
    health: Health
    metrics: Metrics
    logger: FilteringBoundLogger
    #: The dial of a disk that may be made to fail; None where the operator wants none.
    faults: FaultyDisk | None = None
    #: Who knows who asks; None where nobody is asked (`AUTH_MODE=off`).
    accounts: Accounts | None = None
    menus: Menus = field(default_factory=Menus)
    streams: Streams = field(default_factory=Streams)
