"""Why a number is what it is: taken apart into what adds up to it, each part with its event."""

from typing import Final

from holdfast.domain.availability import is_low
from holdfast.domain.records import Json, StockRecord
from holdfast.domain.values import instant_text
from holdfast.http.answer import Answer, json_answer
from holdfast.http.as_of import AS_OF, AS_OF_PROBLEMS, PAST_KNOWN, past_answer
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.render import stock_body
from holdfast.http.render_catalogue import name_of
from holdfast.http.routes.stock import unknown_record
from holdfast.http.schemas import explained
from holdfast.ledger.past_values import Cause, Explanation, Held

TAG: Final = "Stock"

#: Reservations listed one by one, at most: those that end first.
LISTED_MAX: Final = 1000


async def explain_stock(call: Call) -> Answer:
    """Tell why a SKU can be sold in a store, or cannot.

    The quantities of all `parts` add up to `record.sellable`; without the part `out` they add up to
    `record.available`. Each part has the event that made it so, or null if that lies further back
    than what was searched, from `searchedFrom` to `asOf`.
    """
    store_id, sku = call.params["storeId"], call.params["sku"]
    as_of = call.query["asOf"]
    told = await call.ledger.past.explain(store_id, sku, as_of)
    if told is None:
        raise unknown_record(store_id, sku)
    body = explanation_body(told)
    return json_answer(body) if as_of is None else past_answer(call, told.sequence, body)


def explanation_body(told: Explanation) -> dict[str, Json]:
    """Write an explanation."""
    record = told.record
    next_release = told.next_release
    return {
        "storeId": record.store_id,
        "sku": record.sku,
        "name": name_of(told.item, record.sku),
        "asOf": {"sequence": told.sequence, "at": instant_text(told.at)},
        "detail": _sentence(told),
        "record": stock_body(record),
        "parts": _parts(told),
        "lowStock": _low_stock(told),
        "nextReleaseAt": None if next_release is None else instant_text(next_release),
        "searchedFrom": told.searched_from,
    }


def _low_stock(told: Explanation) -> Json:
    item, alert = told.item, told.alert
    if item is None or item.low_stock_threshold is None:
        return None
    opened = None
    if alert is not None:
        at = instant_text(alert.opened_at)
        opened = {"id": alert.id, "status": alert.status, "openedAt": at}
    return {
        "threshold": item.low_stock_threshold,
        "isLow": is_low(told.record.available, item),
        "alert": opened,
    }


def _parts(told: Explanation) -> list[dict[str, Json]]:
    record = told.record
    listed = told.held[:LISTED_MAX]
    parts = [{"kind": "onHand", "qty": record.on_hand, "event": _event(told.on_hand)}]
    parts += [_held_part(each) for each in listed]
    others = record.reserved - sum(each.qty for each in listed)
    if others:
        parts.append({"kind": "otherReservations", "qty": -others, "event": None})
    if record.is_out:
        until = record.out_until
        parts.append(
            {
                "kind": "out",
                "qty": -record.available,
                "reason": record.out_reason,
                "until": None if until is None else instant_text(until),
                "event": _event(told.out),
            }
        )
    return parts


def _held_part(held: Held) -> dict[str, Json]:
    reservation = held.reservation
    ends = reservation.expires_at
    return {
        "kind": "reservation",
        "qty": -held.qty,
        "reservationId": reservation.reservation_id,
        "userId": reservation.user_id,
        "expiresAt": None if ends is None else instant_text(ends),
        "event": _event(held.cause),
    }


def _event(cause: Cause | None) -> Json:
    if cause is None:
        return None
    return {
        "sequence": cause.sequence,
        "at": instant_text(cause.at),
        "type": cause.type,
        "actor": cause.actor,
        "reason": cause.reason,
    }


def _sentence(told: Explanation) -> str:
    record = told.record
    where = f"{record.sku} in {record.store_id}"
    numbers = f"{record.on_hand} on hand, {record.reserved} reserved"
    if record.is_out:
        return f"{where} cannot be sold: {_switch(record)}; {numbers}."
    if record.sellable:
        return f"{record.sellable} of {where} can be sold: {numbers}."
    if not record.on_hand:
        return f"{where} cannot be sold: there is none."
    next_release = told.next_release
    free = "" if next_release is None else f"; some may be released at {instant_text(next_release)}"
    return f"{where} cannot be sold: all {record.on_hand} are reserved{free}."


def _switch(record: StockRecord) -> str:
    reason = "" if record.out_reason is None else f" ({record.out_reason})"
    until = "" if record.out_until is None else f" until {instant_text(record.out_until)}"
    return f"it is marked as out{until}{reason}"


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/stores/{storeId}/inventory/{sku}/explain",
        handler=explain_stock,
        tag=TAG,
        query=(AS_OF,),
        replies={
            200: Reply("The number, taken apart.", explained.Explanation, etag=True),
            304: PAST_KNOWN,
        },
        problems=("not_found", *AS_OF_PROBLEMS),
    ),
)
