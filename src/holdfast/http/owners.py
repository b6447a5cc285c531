"""Whose a reservation or an order is, and who may touch it.

With sign-in, the caller is the user, whatever a body says; a body that names another is refused.
Owners never change, so what is looked up here still holds when the command is decided.
"""

from typing import Any

from holdfast.domain.records import ORDER, RESERVATION, Table
from holdfast.domain.rejections import invalid, not_yours
from holdfast.http.access import SEES_ALL
from holdfast.http.call import Call
from holdfast.http.problems import RejectedWith

_CHALLENGE = ((b"www-authenticate", b"Bearer"),)


class RefusedCaller(RejectedWith):
    """A refusal with a reason that is for the log alone."""

    def __init__(self, code: str, detail: str, reason: str) -> None:
        headers = _CHALLENGE if code == "unauthorized" else ()
        super().__init__(code, detail, headers=headers)
        self.reason = reason


def unauthorized(reason: str, detail: str = "Sign in to do this.") -> RefusedCaller:
    """Refuse somebody who is not known; the client is not told why."""
    return RefusedCaller("unauthorized", detail, reason)


def forbidden(detail: str, reason: str) -> RefusedCaller:
    """Refuse somebody who is known."""
    return RefusedCaller("forbidden", detail, reason)


def user_of(call: Call, in_body: str | None) -> str | None:
    """Return for whom something is made: the caller, or, without sign-in, whom the body names.

    Raises:
        Rejected: the body names another (`forbidden`).
    """
    principal = call.principal
    if principal is None:
        return in_body
    if in_body is not None and in_body != principal.name:
        raise forbidden("You can act for yourself only; leave userId out.", "userId")
    return principal.name


def named_user_of(call: Call, in_body: str | None) -> str:
    """Return `user_of`, where there has to be one.

    Raises:
        Rejected: it is missing, or names another.
    """
    user_id = user_of(call, in_body)
    if user_id is None:
        raise invalid("/userId", "userId is missing.")
    return user_id


async def owner_of(call: Call, reservation_id: str, in_body: str | None) -> str | None:
    """Return as whom the caller ends or extends a reservation: as its owner, if it may.

    Raises:
        Rejected: it is another's (`forbidden`), or the body names another than the caller.
    """
    user_id = user_of(call, in_body)
    return user_id if call.principal is None else await _owner(call, RESERVATION, reservation_id)


async def owner_of_order(call: Call, order_id: str) -> str | None:
    """Return as whom the caller reads or ends an order: as its owner, if it may.

    Raises:
        Rejected: it is another's (`forbidden`), or the guest's token is not the order's.
    """
    if call.services.accounts is None:
        return None
    if call.principal is not None:
        return await _owner(call, ORDER, order_id)
    given = call.headers.get(b"x-order-token")
    if given is None:
        raise unauthorized("no token")
    if not call.services.accounts.tokens.opens_order(given, call.ledger.tenant_id, order_id):
        raise unauthorized("wrong order token")
    order = (await call.ledger.read()).get(ORDER, (order_id,))
    return None if order is None else order.user_id


async def _owner(call: Call, table: Table[Any], name: str) -> str | None:
    record = (await call.ledger.read()).get(table, (name,))
    if record is None:
        return None  # The ledger says so, to everybody alike.
    require_own(call, name, record.user_id)
    owner: str | None = record.user_id
    return owner


def require_own(call: Call, name: str, owner: str | None) -> None:
    """Refuse who may see only its own, and does not own this; what nobody owns is not its own.

    Raises:
        Rejected: `forbidden`.
    """
    principal = call.principal
    if principal is None or not SEES_ALL.isdisjoint(principal.roles):
        return
    if owner != principal.name:
        raise not_yours(name)
