"""Reservations: make, read, confirm, cancel, extend."""

from typing import Final

from holdfast.domain.commands import (
    Action,
    CancelReservation,
    ConfirmReservation,
    ExtendReservation,
    ReserveStock,
)
from holdfast.domain.records import ACTIVE, CANCELLED, CONFIRMED, EXPIRED, RESERVATION
from holdfast.domain.rejections import unknown_reservation
from holdfast.http import actions
from holdfast.http.access import SEES_ALL
from holdfast.http.answer import Answer, etag, json_answer
from holdfast.http.as_of import AS_OF, AS_OF_PROBLEMS, record_answer
from holdfast.http.call import Call, new_id
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.owners import owner_of, require_own, user_of
from holdfast.http.query import (
    PAGE,
    choice_param,
    cursor_key,
    cursor_text,
    id_param,
    text_param,
)
from holdfast.http.render import reservation_body
from holdfast.http.schemas import inputs, outputs
from holdfast.ledger.port import ReservationFilter

TAG: Final = "Reservations"


async def _write(call: Call, action: Action, status: int = 200) -> Answer:
    outcome = await call.ledger.execute(call.command(action))
    held = outcome.reservations[0]
    return json_answer(reservation_body(held), status, (etag(held.version),), outcome.replayed)


async def create_reservation(call: Call, body: inputs.ReservationBody) -> Answer:
    """Hold stock in one store: all lines or none.

    Lines of the same SKU are added up. A refusal names every line that is short.
    """
    action = ReserveStock(
        new_id(),
        body.store_id,
        user_of(call, body.user_id),
        actions.as_lines(body.lines),
        call.ttl_ms(body, body.ttl_seconds),
    )
    return await _write(call, action, 201)


async def confirm_reservation(call: Call, body: inputs.EndBody) -> Answer:
    """The reserved goods are taken: they leave what is on hand.

    To confirm again answers the same.
    """
    expected = call.expected(body.expected_version)
    held = call.params["reservationId"]
    user_id = await owner_of(call, held, body.user_id)
    return await _write(call, ConfirmReservation(held, user_id, expected))


async def cancel_reservation(call: Call, body: inputs.EndBody) -> Answer:
    """The reserved goods are released.

    To cancel again answers the same.
    """
    expected = call.expected(body.expected_version)
    held = call.params["reservationId"]
    user_id = await owner_of(call, held, body.user_id)
    return await _write(call, CancelReservation(held, user_id, expected))


async def extend_reservation(call: Call, body: inputs.ExtendBody) -> Answer:
    """Move the deadline away, to `ttlSeconds` from now; it never comes nearer."""
    held = call.params["reservationId"]
    action = ExtendReservation(
        held,
        await owner_of(call, held, body.user_id),
        call.ttl_ms(body, body.ttl_seconds),
        call.expected(body.expected_version),
    )
    return await _write(call, action)


async def read_reservation(call: Call) -> Answer:
    """Read a reservation. Ended ones stay readable for thirty days, or as the operator chose."""
    reservation_id = call.params["reservationId"]
    as_of = call.query["asOf"]
    if as_of is None:
        reading = await call.ledger.read()
    else:
        reading = await call.ledger.past.read_reservation(as_of, reservation_id)
    held = reading.get(RESERVATION, (reservation_id,))
    if held is None:
        raise unknown_reservation(reservation_id)
    require_own(call, reservation_id, held.user_id)
    return record_answer(call, reading, held.version, reservation_body(held))


async def list_reservations(call: Call) -> Answer:
    """List reservations, oldest first; those of the caller, where it may see no others."""
    query = call.query
    wanted = ReservationFilter(query["status"], _listed_user(call), query["storeId"])
    after = cursor_key(query["cursor"], 1)
    reading = await call.ledger.read()
    held, go_on = reading.reservation_page(wanted, after, query["limit"])
    items = [reservation_body(each) for each in held]
    next_cursor = None if go_on is None else cursor_text(*go_on)
    return json_answer({"items": items, "nextCursor": next_cursor})


def _listed_user(call: Call) -> str | None:
    """Return whose reservations are listed; None: those of all."""
    principal, user_id = call.principal, call.query["userId"]
    if principal is None or not SEES_ALL.isdisjoint(principal.roles):
        return None if user_id is None else str(user_id)
    return user_of(call, user_id)


_HELD: Final = {200: Reply("The reservation after it.", outputs.Reservation, etag=True)}
_END_PROBLEMS: Final = (
    "not_found",
    "forbidden",
    "version_conflict",
    "reservation_not_active",
    "reservation_expired",
)
_ONE: Final = "/reservations/{reservationId}"

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/reservations",
        handler=create_reservation,
        tag=TAG,
        body=inputs.ReservationBody,
        replies={201: Reply("The reservation.", outputs.Reservation, etag=True)},
        problems=("not_found", "insufficient_stock"),
        writes=True,
    ),
    Endpoint(
        method="GET",
        path="/reservations",
        handler=list_reservations,
        tag=TAG,
        query=(
            *PAGE,
            choice_param("status", (ACTIVE, CONFIRMED, CANCELLED, EXPIRED), "Only in this state."),
            text_param("userId", 128, "Only of this user."),
            id_param("storeId", "Only in this store."),
        ),
        replies={200: Reply("A page of reservations.", outputs.ReservationPage)},
    ),
    Endpoint(
        method="GET",
        path=_ONE,
        handler=read_reservation,
        tag=TAG,
        query=(AS_OF,),
        replies={
            200: Reply("The reservation.", outputs.Reservation, etag=True),
            304: Reply("Not changed since the version in `If-None-Match`.", etag=True),
        },
        problems=("not_found", *AS_OF_PROBLEMS),
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/confirm",
        handler=confirm_reservation,
        tag=TAG,
        body=inputs.EndBody,
        body_optional=True,
        replies=_HELD,
        problems=_END_PROBLEMS,
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/cancel",
        handler=cancel_reservation,
        tag=TAG,
        body=inputs.EndBody,
        body_optional=True,
        replies=_HELD,
        problems=_END_PROBLEMS,
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/extend",
        handler=extend_reservation,
        tag=TAG,
        body=inputs.ExtendBody,
        body_optional=True,
        replies=_HELD,
        problems=_END_PROBLEMS,
        writes=True,
        precondition=True,
    ),
)
