"""What names a tenant: the `Host` of a request, and the ids that are made of a domain."""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from holdfast.domain.tenants import DEFAULT_TENANT, LOCALHOST, SYSTEM_TENANT
from holdfast.domain.values import is_id

#: `X-Tenant-ID` and `Host` of a request, as they were sent.
Address = tuple[bytes | None, bytes | None]

_NOT_IN_IDS: Final = re.compile(r"[^A-Za-z0-9_.-]+")


@lru_cache(maxsize=1024)
def domain_of(host: str | None) -> str:
    """Return the domain that a `Host` names, as it is registered.

    In lower case, without port and without the dot of a full name; `localhost` for an IP literal
    and for no host at all (RFC 9110 allows an empty one).
    """
    if not host:
        return LOCALHOST
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    name = name.lower().removesuffix(".")
    return LOCALHOST if is_ip(name) else name


def is_ip(name: str) -> bool:
    """Tell whether a name is an IP literal."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def ids_for(domain: str, name: str) -> Iterator[str]:
    """Suggest ids for a tenant that was given none: short ones first."""
    for text in (domain.partition(".")[0], name, domain):
        suggested = _NOT_IN_IDS.sub("-", text).strip("-._").lower()[:64]
        if is_id(suggested) and suggested not in {SYSTEM_TENANT, DEFAULT_TENANT}:
            yield suggested
