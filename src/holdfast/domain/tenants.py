"""Tenants: what is known of each, and what is asked of the system journal about them."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

ACTIVE: Final = "active"
SUSPENDED: Final = "suspended"
#: Nobody finds it any more; its folder is still to be moved to the trash.
DELETED: Final = "deleted"

#: The tenant that is always there.
DEFAULT_TENANT: Final = "default"
#: How the system journal calls itself; no tenant may be called so.
SYSTEM_TENANT: Final = "system"
#: The domain that is the default tenant's for ever.
LOCALHOST: Final = "localhost"
#: What prices are in until somebody says otherwise (ISO 4217).
DEFAULT_CURRENCY: Final = "EUR"


class Tenant(NamedTuple):
    """One customer of the service. The id is for ever; it is in every file of the tenant."""

    tenant_id: str
    name: str
    domain: str
    status: str
    currency: str
    created_at: int
    updated_at: int
    version: int
    #: What the pages look like, as it was given: a JSON object.
    theme: Mapping[str, Any] = {}
    default_store_id: str | None = None
    #: Where the folder of a deleted tenant goes, inside the trash.
    trash: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The record's key in `TENANT`."""
        return (self.tenant_id,)

    @property
    def exists(self) -> bool:
        """Whether it can be found, suspended or not."""
        return self.status != DELETED


class Domain(NamedTuple):
    """Whose a domain is: an index, kept as records are."""

    domain: str
    tenant_id: str

    @property
    def key(self) -> tuple[str, ...]:
        """The record's key in `DOMAIN`."""
        return (self.domain,)


class ProvisionTenant(NamedTuple):
    """Make a tenant whose journal is there; the same again is the answer, not an error.

    `domain` is in lower case. An empty `tenant_id` is for whoever makes the journal to choose; None
    for theme and currency asks for nothing in particular.
    """

    tenant_id: str
    name: str
    domain: str
    theme: Mapping[str, Any] | None = None
    currency: str | None = None


class ChangeTenant(NamedTuple):
    """Change some of a tenant: `changes` has new values by field of `Tenant`."""

    tenant_id: str
    changes: Mapping[str, Any]
    expected_version: int | None = None


class DeleteTenant(NamedTuple):
    """From here on nobody finds the tenant, and its domain is free."""

    tenant_id: str
    expected_version: int | None = None


class TrashTenant(NamedTuple):
    """A deleted tenant's folder was moved away: its id is free. The registry's own command."""

    tenant_id: str


TenantAction = ProvisionTenant | ChangeTenant | DeleteTenant | TrashTenant
