"""Expected refusals: each has a stable code, a sentence for a shop clerk, and data for programs."""

from collections.abc import Sequence
from typing import Any

from holdfast.domain.records import EXPIRED, ORDER_STATUS, Json, Key
from holdfast.domain.values import instant_text


class Rejected(Exception):
    """The business says no. Nothing was changed and nothing was remembered.

    Attributes:
        code: stable name of the reason, such as `insufficient_stock`.
        detail: one sentence that a person can act on.
        data: what a program needs to act on it; JSON-ready.
    """

    def __init__(self, code: str, detail: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.data: dict[str, Any] = data or {}


def invalid(pointer: str, detail: str) -> Rejected:
    """Refuse an input that only the business can see is wrong; `pointer` is a JSON pointer."""
    return Rejected(
        "validation_error", detail, {"errors": [{"pointer": pointer, "detail": detail}]}
    )


def unknown_stock(store_id: str, skus: Sequence[str]) -> Rejected:
    """Refuse to work on SKUs that the store has never had."""
    named = ", ".join(skus)
    return Rejected(
        "not_found",
        f"{store_id} has no stock record of {named}; receive or count it first.",
        {"storeId": store_id, "skus": list(skus)},
    )


def unknown_reservation(reservation_id: str) -> Rejected:
    """Refuse to work on a reservation that is not there."""
    return Rejected("not_found", f"There is no reservation {reservation_id}.")


def version_conflict(what: str, current_version: int) -> Rejected:
    """Refuse a write that was made for another version of the record."""
    return Rejected(
        "version_conflict",
        f"{what} has changed since you read it: it is at version {current_version} now. "
        "Read it again and repeat your change.",
        {"currentVersion": current_version},
    )


def unknown(what: str, name: str) -> Rejected:
    """Refuse to work on something that is not there; `what` is a word such as `item`."""
    return Rejected("not_found", f"There is no {what} {name}.")


def already_exists(what: str, name: str) -> Rejected:
    """Refuse to make something a second time."""
    return Rejected(
        "already_exists", f"The {what} {name} exists already. Change that one, or use another name."
    )


def in_use(what: str, name: str, why: Sequence[str], data: dict[str, Json]) -> Rejected:
    """Refuse to delete what is needed; `why` has a sentence's end for each thing that needs it."""
    return Rejected("in_use", f"The {what} {name} is in use: {'; '.join(why)}.", data)


def unavailable(refused: Sequence[Json], shortages: list[Json], *, unknown: bool) -> Rejected:
    """Refuse an order: `refused` has id, name and reasons of every dish that is not to be had.

    With `unknown`, one of them is not on the menu at all, so waiting does not help.
    """
    said = "; ".join(
        f"{dish['name']}: {', '.join(reason['message'] for reason in dish['reasons'])}"
        for dish in refused
    )
    return Rejected(
        "not_found" if unknown else "insufficient_stock",
        f"This order cannot be made. {said}.",
        {"shortages": shortages, "items": list(refused)},
    )


def order_ended(order_id: str, status: str) -> Rejected:
    """Refuse to change an order that came to another end."""
    code = "reservation_expired" if status == ORDER_STATUS[EXPIRED] else "reservation_not_active"
    return Rejected(
        code,
        f"Order {order_id} is already {status}. Place a new one.",
        {"orderId": order_id, "reservationId": order_id, "status": status},
    )


def shortage(
    place: Key, name: str, requested: int, available: int, next_release_at: int | None
) -> Json:
    """Describe one line, of (storeId, sku), that cannot be served; `name` is the item's."""
    return {
        "storeId": place[0],
        "sku": place[1],
        "name": name,
        "requested": requested,
        "available": available,
        "nextReleaseAt": None if next_release_at is None else instant_text(next_release_at),
    }


def insufficient_stock(shortages: list[Json], marked: Sequence[str] = ()) -> Rejected:
    """Refuse because of every line in `shortages` (see `shortage`).

    `marked` has a sentence for each SKU of which there may be some, but which is marked as out.
    """
    said = "; ".join(
        [
            *(
                f"{line['requested']} of {line['name']} asked for in {line['storeId']}, "
                f"{line['available']} available"
                for line in shortages
            ),
            *marked,
        ]
    )
    return Rejected("insufficient_stock", f"Not enough stock: {said}.", {"shortages": shortages})


def reserved_stays(store_id: str, sku: str, name: str, reserved: int, counted: int) -> Rejected:
    """Refuse a count that would leave less than what is reserved."""
    short = shortage((store_id, sku), name, reserved, counted, None)
    return Rejected(
        "insufficient_stock",
        f"{reserved} of {name} are reserved in {store_id}, so {counted} cannot be all there is. "
        "Cancel reservations first, or count again.",
        {"shortages": [short]},
    )


def marked_out(store_id: str, name: str, reason: str | None, until: int | None) -> str:
    """Say why nothing of a SKU is to be had although there may be some."""
    why = f" ({reason})" if reason else ""
    end = "" if until is None else f" until {instant_text(until)}"
    return f"{name} is marked as out in {store_id}{why}{end}"


def idempotency_mismatch(key: str) -> Rejected:
    """Refuse a key that was used for another request."""
    return Rejected(
        "idempotency_mismatch",
        f"The Idempotency-Key {key!r} was already used for a different request. "
        "Use a new key for a new request.",
    )


def not_active(reservation_id: str, status: str) -> Rejected:
    """Refuse to change a reservation that was confirmed or cancelled."""
    return Rejected(
        "reservation_not_active",
        f"Reservation {reservation_id} is already {status}.",
        {"reservationId": reservation_id, "status": status},
    )


def reservation_expired(reservation_id: str, expires_at: int | None) -> Rejected:
    """Refuse to change a reservation whose deadline has passed."""
    at = None if expires_at is None else instant_text(expires_at)
    return Rejected(
        "reservation_expired",
        f"Reservation {reservation_id} expired at {at}; its stock was released. Reserve again.",
        {"reservationId": reservation_id, "expiresAt": at},
    )


def not_yours(reservation_id: str) -> Rejected:
    """Refuse a user who does not own the reservation."""
    return Rejected("forbidden", f"Reservation {reservation_id} belongs to another user.")
