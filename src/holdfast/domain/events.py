"""What happened: events, and their form as JSON.

An event carries the records as they were after it. So it can be listed, audited, or given out
again as an answer without looking anything up, and applying it is putting records, never
repeating a calculation. The names of event types are ours and are never renamed; what a type
means may only grow, under a higher `version`.
"""

from typing import Any, Final, NamedTuple

from holdfast.domain.record_json import add_records, take_records
from holdfast.domain.records import Change, Json, Line, Outcome, Reservation, StockRecord
from holdfast.domain.values import instant_ms, instant_text

#: The newest version of an event's payload that this release reads and writes.
EVENT_VERSION: Final = 1

EVENT_TYPES: Final = frozenset(
    {
        "StockAdjusted",
        "StockCounted",
        "StockReceived",
        "StockShipped",
        "StockTransferred",
        "StockMarkedOut",
        "StockUnmarkedOut",
        "StockReserved",
        "ReservationConfirmed",
        "ReservationCancelled",
        "ReservationExtended",
        "ReservationExpired",
        "BatchApplied",
        "RowRefused",
        "KeyRemembered",
        "RowUnchanged",
        "ItemCreated",
        "ItemChanged",
        "ItemDeleted",
        "LocationCreated",
        "LocationChanged",
        "LocationDeleted",
        "MenuItemCreated",
        "MenuItemChanged",
        "MenuItemDeleted",
        "OrderPlaced",
        "OrderConfirmed",
        "OrderCancelled",
        "AlertAcknowledged",
    }
)

#: What happens in the system journal only, besides `KeyRemembered`.
SYSTEM_EVENT_TYPES: Final = frozenset(
    {
        "TenantProvisioned",
        "TenantChanged",
        "TenantDeleted",
        "TenantTrashed",
        "UserAdded",
        "UserChanged",
        "UserPasswordSet",
        "UserSessionsEnded",
    }
)
_KNOWN: Final = EVENT_TYPES | SYSTEM_EVENT_TYPES


class UnknownEvent(Exception):
    """The event was written by a newer release; it must not be skipped."""


class KeyStamp(NamedTuple):
    """The idempotency key that an event answers."""

    key: str
    fingerprint: str
    expires_at: int


class SourceStamp(NamedTuple):
    """The place in a bulk load that an event decided; `refused` carries (code, detail)."""

    name: str
    line: int
    refused: tuple[str, str] | None = None


class Event(NamedTuple):
    """One fact. `facts` is what was asked, JSON-ready; the records are those after it."""

    sequence: int
    ts: int
    type: str
    event_id: str
    actor: str
    request_id: str
    facts: dict[str, Json]
    stock: tuple[StockRecord, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    existing: bool = False
    key: KeyStamp | None = None
    source: SourceStamp | None = None
    #: Records of all other tables, table by table, and behind them those that were deleted.
    records: tuple[Change, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The answer to the command that this event decided."""
        return Outcome(self.stock, self.reservations, self.existing, False, self.records)


def stock_json(record: StockRecord) -> Json:
    """Write a stock record; times as ISO text."""
    store_id, sku, on_hand, reserved, is_out, out_reason, out_until, version, updated = record
    written: dict[str, Json] = {
        "storeId": store_id,
        "sku": sku,
        "onHand": on_hand,
        "reserved": reserved,
        "isOut": is_out,
        "version": version,
        "updatedAt": instant_text(updated),
    }
    if out_reason is not None:
        written["outReason"] = out_reason
    if out_until is not None:
        written["outUntil"] = instant_text(out_until)
    return written


def stock_from_json(raw: Json) -> StockRecord:
    """Read what `stock_json` wrote."""
    until = raw.get("outUntil")
    return StockRecord(
        raw["storeId"],
        raw["sku"],
        raw["onHand"],
        raw["reserved"],
        raw["isOut"],
        raw.get("outReason"),
        None if until is None else instant_ms(until),
        raw["version"],
        instant_ms(raw["updatedAt"]),
    )


def _ms_or_none(text: str | None) -> int | None:
    return None if text is None else instant_ms(text)


def reservation_json(reservation: Reservation) -> Json:
    """Write a reservation; times as ISO text."""
    mine, store_id, user_id, status, lines, created, expires, ended, kept, version = reservation
    return {
        "reservationId": mine,
        "storeId": store_id,
        "userId": user_id,
        "status": status,
        "lines": [{"sku": sku, "qty": qty} for sku, qty in lines],
        "createdAt": instant_text(created),
        "expiresAt": None if expires is None else instant_text(expires),
        "endedAt": None if ended is None else instant_text(ended),
        "keptUntil": None if kept is None else instant_text(kept),
        "version": version,
    }


def reservation_from_json(raw: Json) -> Reservation:
    """Read what `reservation_json` wrote."""
    return Reservation(
        raw["reservationId"],
        raw["storeId"],
        raw["userId"],
        raw["status"],
        tuple(Line(line["sku"], line["qty"]) for line in raw["lines"]),
        instant_ms(raw["createdAt"]),
        _ms_or_none(raw["expiresAt"]),
        _ms_or_none(raw["endedAt"]),
        _ms_or_none(raw["keptUntil"]),
        raw["version"],
    )


def event_json(event: Event) -> dict[str, Json]:
    """Write an event as it stands in the journal and in the feed."""
    payload: dict[str, Json] = dict(event.facts)
    if event.stock:
        payload["stock"] = [stock_json(record) for record in event.stock]
    if event.reservations:
        payload["reservations"] = [reservation_json(held) for held in event.reservations]
    if event.existing:
        payload["existing"] = True
    if event.records:
        add_records(payload, event.records)
    written: dict[str, Any] = {
        "eventId": event.event_id,
        "sequence": event.sequence,
        "ts": instant_text(event.ts),
        "type": event.type,
        "version": EVENT_VERSION,
        "actor": event.actor,
        "requestId": event.request_id,
    }
    if event.key is not None:
        written["idempotencyKey"] = event.key.key
        written["fingerprint"] = event.key.fingerprint
        written["keyExpiresAt"] = instant_text(event.key.expires_at)
    if event.source is not None:
        written["source"] = _source_json(event.source)
    written["payload"] = payload
    return written


def _source_json(stamp: SourceStamp) -> Json:
    written: dict[str, Json] = {"name": stamp.name, "line": stamp.line}
    if stamp.refused is not None:
        written["code"], written["detail"] = stamp.refused
    return written


def event_from_json(raw: Json) -> Event:
    """Read what `event_json` wrote.

    Raises:
        UnknownEvent: the type or version is from a newer release.
    """
    if raw["version"] > EVENT_VERSION or raw["type"] not in _KNOWN:
        raise UnknownEvent(
            f"event {raw['sequence']} is a {raw['type']} of version {raw['version']}, "
            "which this release does not know; open the folder with a newer release"
        )
    facts = dict(raw["payload"])
    stock, reservations = facts.pop("stock", ()), facts.pop("reservations", ())
    existing = facts.pop("existing", False)
    records = take_records(facts)
    return Event(
        raw["sequence"],
        instant_ms(raw["ts"]),
        raw["type"],
        raw["eventId"],
        raw["actor"],
        raw["requestId"],
        facts,
        tuple(map(stock_from_json, stock)),
        tuple(map(reservation_from_json, reservations)),
        existing,
        _key_stamp(raw),
        _source_stamp(raw.get("source")),
        records,
    )


def _key_stamp(raw: Json) -> KeyStamp | None:
    if "idempotencyKey" not in raw:
        return None
    return KeyStamp(raw["idempotencyKey"], raw["fingerprint"], instant_ms(raw["keyExpiresAt"]))


def _source_stamp(raw: Json) -> SourceStamp | None:
    if raw is None:
        return None
    refused = (raw["code"], raw["detail"]) if "code" in raw else None
    return SourceStamp(raw["name"], raw["line"], refused)
