"""Which tenants there are, which one a request means, and whose ledgers are open.

Read in this order: `names` (what a `Host` means), `folders` (where a tenant's files are),
`ledgers` (opened when asked, closed when idle), `registry` (the tenants, through the system journal).
"""

from holdfast.domain.tenants import DEFAULT_TENANT
from holdfast.tenancy.ledgers import LedgerFactory, LedgersConfig
from holdfast.tenancy.registry import TenantRegistry

__all__ = ["DEFAULT_TENANT", "LedgerFactory", "LedgersConfig", "TenantRegistry"]
