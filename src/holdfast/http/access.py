"""Who may do what: every route, with those who may ask for it. `AUTH_MODE=jwt` holds it.

A role that stands above another may do what that one may (`ABOVE`), so each route names only the
lowest. A route that is not in the table does not start.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from holdfast.domain.users import (
    ADMIN,
    FOH,
    KITCHEN,
    MANAGER,
    ONLINE,
    OPERATOR,
    ROLES,
    SERVICE,
    STAFF,
)
from holdfast.http.endpoint import Endpoint

#: Anybody, and no token is looked at.
OPEN: Final = "open"
#: Anybody, but a token counts if there is one. Whose an order is, is looked at by the handler.
GUEST: Final = "guest"
#: Every role.
ANY: Final = "any"

#: Below each role, those whose rights it has too.
_BELOW: Final[dict[str, tuple[str, ...]]] = {
    STAFF: (KITCHEN,),
    MANAGER: (STAFF, FOH),
    ADMIN: (MANAGER, ONLINE, SERVICE),
    OPERATOR: (ADMIN,),
}

RULES: Final[dict[str, tuple[str, ...]]] = {
    # Nobody has to sign in.
    "GET /": (OPEN,),
    "GET /health/liveness": (OPEN,),
    "GET /health/readiness": (OPEN,),
    "POST /auth/register": (OPEN,),
    "POST /auth/login": (OPEN,),
    "GET /store/config": (GUEST,),
    "GET /store/menu": (GUEST,),
    "GET /menu": (GUEST,),
    "GET /inventory": (GUEST,),
    "GET /inventory/{sku}": (GUEST,),
    # A guest has an orderToken, and an online customer its own orders and reservations only.
    "POST /store/orders": (GUEST,),
    "GET /store/orders/{orderId}": (GUEST,),
    "POST /store/orders/{orderId}/confirm": (GUEST,),
    "POST /store/orders/{orderId}/cancel": (GUEST,),
    "POST /reservations": (ONLINE, FOH),
    "GET /reservations": (ONLINE, FOH),
    "GET /reservations/{reservationId}": (ONLINE, FOH),
    "POST /reservations/{reservationId}/confirm": (ONLINE, FOH),
    "POST /reservations/{reservationId}/cancel": (ONLINE, FOH),
    "POST /reservations/{reservationId}/extend": (ONLINE, FOH),
    "POST /stores/{storeId}/inventory/{sku}/reserve": (ONLINE, FOH),
    "POST /inventory/reserve": (ONLINE, FOH),
    "POST /checkout/confirm": (ONLINE, FOH),
    "POST /checkout/cancel": (ONLINE, FOH),
    "GET /manager/orders": (FOH,),
    # What there is.
    "GET /stores/{storeId}/inventory/{sku}": (KITCHEN, FOH),
    "GET /stores/{storeId}/inventory": (KITCHEN, FOH),
    "GET /stock": (KITCHEN, FOH),
    "GET /stock/{sku}": (KITCHEN, FOH),
    "GET /stores/{storeId}/inventory/{sku}/explain": (KITCHEN, FOH),
    "GET /menu/{dishId}/explain": (KITCHEN, FOH),
    "GET /items": (KITCHEN, FOH),
    "GET /items/{sku}": (KITCHEN, FOH),
    "GET /stores": (KITCHEN, FOH),
    "GET /locations": (KITCHEN, FOH),
    "GET /locations/{storeId}": (KITCHEN, FOH),
    "GET /events": (KITCHEN, FOH, SERVICE),
    # What becomes of it.
    "POST /stores/{storeId}/inventory/{sku}/adjust": (KITCHEN,),
    "POST /stores/{storeId}/inventory/{sku}/count": (KITCHEN,),
    "POST /stores/{storeId}/inventory/{sku}/out": (KITCHEN,),
    "POST /inventory/adjust": (KITCHEN,),
    "POST /inventory/receive": (STAFF,),
    "POST /inventory/ship": (STAFF,),
    "POST /inventory/transfer": (STAFF,),
    "POST /batch": (STAFF,),
    "GET /batch/sources/{name}": (STAFF,),
    "GET /transactions": (STAFF,),
    "GET /alerts": (STAFF,),
    # What it is called and made of.
    "POST /alerts/{alertId}/ack": (MANAGER,),
    "POST /items": (MANAGER,),
    "PUT /items/{sku}": (MANAGER,),
    "DELETE /items/{sku}": (MANAGER,),
    "POST /locations": (MANAGER,),
    "PUT /locations/{storeId}": (MANAGER,),
    "DELETE /locations/{storeId}": (MANAGER,),
    "GET /manager/menu": (MANAGER,),
    "POST /manager/menu": (MANAGER,),
    "GET /manager/menu/{dishId}": (MANAGER,),
    "PUT /manager/menu/{dishId}": (MANAGER,),
    "DELETE /manager/menu/{dishId}": (MANAGER,),
    "PUT /manager/menu/{dishId}/recipe": (MANAGER,),
    # Who is there.
    "GET /auth/me": (ANY,),
    "POST /auth/refresh": (ANY,),
    "POST /auth/logout": (ANY,),
    "POST /auth/password": (ANY,),
    "GET /users": (ADMIN,),
    "PATCH /users/{username}": (ADMIN,),
    # The service itself.
    "GET /docs": (ANY,),
    "GET /openapi.json": (ANY,),
    "GET /metrics": (ADMIN, SERVICE),
    "POST /sys/provision": (OPERATOR,),
    "GET /sys/tenants": (OPERATOR,),
    "GET /sys/tenants/{tenantId}": (OPERATOR,),
    "PATCH /sys/tenants/{tenantId}": (OPERATOR,),
    "DELETE /sys/tenants/{tenantId}": (OPERATOR,),
    "GET /debug/faults": (OPERATOR,),
    "PUT /debug/faults": (OPERATOR,),
    "DELETE /debug/faults": (OPERATOR,),
}


class Rule(NamedTuple):
    """Who may ask for one route."""

    #: Whether a token is looked at.
    looks: bool
    #: Whether one may come without.
    guests: bool
    #: With a token, one of these is needed.
    roles: frozenset[str]


def _with_those_above(low: str) -> set[str]:
    above = (high for high, below in _BELOW.items() if low in below)
    return {low}.union(*map(_with_those_above, above))


def rule_of(endpoint: Endpoint) -> Rule:
    """Return the rule of an endpoint.

    Raises:
        LookupError: there is none; the service must not start.
    """
    name = f"{endpoint.method} {endpoint.path}"
    who = RULES.get(name)
    if who is None:
        raise LookupError(f"{name} has no rule: say in RULES who may ask for it")
    if who in {(OPEN,), (GUEST,), (ANY,)}:
        return Rule(who != (OPEN,), who != (ANY,), frozenset(ROLES))
    return Rule(True, False, frozenset[str]().union(*map(_with_those_above, who)))


def rules_of(endpoints: Iterable[Endpoint]) -> dict[tuple[str, str], Rule]:
    """Return the rules of endpoints by method and path.

    Raises:
        LookupError: an endpoint has none.
    """
    return {(each.method, each.path): rule_of(each) for each in endpoints}


#: Whoever has one of these may touch any reservation and order of the tenant.
SEES_ALL: Final = frozenset(_with_those_above(FOH))
