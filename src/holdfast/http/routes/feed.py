"""What happened: the events themselves, and the history that is read out of them."""

import asyncio
from typing import Any, Final, NamedTuple

import orjson

from holdfast.domain.events import EVENT_TYPES
from holdfast.domain.records import Json
from holdfast.domain.rejections import invalid
from holdfast.domain.values import QUANTITY_MAX
from holdfast.http.answer import Answer, json_answer
from holdfast.http.body import is_gone
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.lanes import Lane
from holdfast.http.live.stream import MEDIA_TYPE, Stream
from holdfast.http.query import (
    PAGE,
    choice_param,
    cursor_sequence,
    cursor_text,
    id_param,
    int_param,
)
from holdfast.http.schemas import outputs
from holdfast.http.slices import Slices
from holdfast.ledger.port import LoggedEvent
from holdfast.resilience.admission import Overloaded

TAG: Final = "History"

WAIT_S_MAX: Final = 30
WAIT_STEP_S: Final = 1.0
#: Events looked at for one page of history, at most; the next page goes on behind them.
SCANNED_MAX: Final = 10_000
_SCAN_STEP: Final = 500
#: Streams at once.
STREAMS_MAX: Final = 4096
#: Events that a stream reads at a time.
_STREAM_PAGE: Final = 100
_MEDIA_TYPE: Final = MEDIA_TYPE.encode("ascii")
_LAST_EVENT_ID: Final = b"last-event-id"


async def list_events(call: Call) -> Answer:
    """Read the events behind a sequence, oldest first.

    With `wait`, a request that finds none is answered as soon as there is one, or empty after
    that many seconds. Go on with the `after` of the answer; it is never behind what was shown, and
    with a filter it may be far ahead of it.

    With `Accept: text/event-stream` the answer does not end: each event is sent as soon as it is
    durable, its sequence as `id`, and a comment when there was none for 15 seconds. A client that
    comes again with `Last-Event-ID` goes on behind that. `limit` and `wait` mean nothing then.
    """
    reader = _Reader(call)
    if call.method == "GET" and _MEDIA_TYPE in call.headers.get(b"accept", b""):
        return await _stream(call, reader)
    events = await reader.wait_for_some(call.query["limit"], float(call.query["wait"]))
    newest = call.ledger.last_sequence
    tail = {
        "nextCursor": cursor_text(reader.reached) if reader.reached < newest else None,
        "after": reader.reached,
        "lastSequence": newest,
    }
    joined = b",".join([event.json for event in events])
    return Answer(200, b'{"items":[' + joined + b"]," + orjson.dumps(tail)[1:])


async def _stream(call: Call, reader: "_Reader") -> Answer:
    streams = call.services.streams
    if streams.open >= STREAMS_MAX:
        raise Overloaded("Too many listen already. Try again in a moment.")
    if _LAST_EVENT_ID in call.headers:
        given = call.headers[_LAST_EVENT_ID].decode("latin-1")
        reader.reached = _AFTER.read(_AFTER.name, given)
    # What is refused is refused before the stream begins.
    await call.ledger.events(reader.reached, 1)

    async def next_events() -> list[LoggedEvent] | None:
        if await reader.is_over():
            return None
        return await reader.read(_STREAM_PAGE, WAIT_STEP_S)

    return Stream(next_events, streams)


class _Reader:
    """Reads on in the events of a call's tenant."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._wanted = _Wanted(call.query["storeId"], call.query["sku"], call.query["type"])
        self.reached = _after(call)

    async def is_over(self) -> bool:
        """Whether the process ends, or the client has left."""
        return self._call.services.health.draining or await is_gone(self._call.receive)

    async def wait_for_some(self, limit: int, wait_s: float) -> list[LoggedEvent]:
        """Wait in short steps, so that neither a client that left nor an ending process waits on."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + wait_s
        while True:
            left_s = max(0.0, ends_at - loop.time())
            events = await self.read(limit, min(left_s, WAIT_STEP_S))
            if events or left_s == 0 or await self.is_over():
                return events

    async def read(self, limit: int, wait_s: float) -> list[LoggedEvent]:
        """Return what is wanted of the next events."""
        events = await self._call.ledger.events(self.reached, limit, wait_s)
        if events:
            self.reached = events[-1].sequence
        return [event for event in events if self._wanted.takes(event)]


class _Wanted(NamedTuple):
    """What of the history is asked for; None does not filter."""

    store_id: str | None
    sku: str | None
    type: str | None

    def may_match(self, line: bytes) -> bool:
        """Look for the ids in the text, which costs less than parsing it. Ids are plain ASCII."""
        return all(name is None or name.encode("ascii") in line for name in self)

    def takes(self, event: LoggedEvent) -> bool:
        """Whether it is wanted."""
        if self == _ALL:
            return True
        return self.may_match(event.json) and self.matches(orjson.loads(event.json))

    def matches(self, event: Json) -> bool:
        """Whether the event is of this type and touched this SKU in this store."""
        if self.type is not None and event["type"] != self.type:
            return False
        if self.store_id is None and self.sku is None:
            return True
        return any(
            self.store_id in {None, store_id} and self.sku in {None, sku}
            for store_id, sku in _touched(event["payload"])
        )


_ALL: Final = _Wanted(None, None, None)


async def list_transactions(call: Call) -> Answer:
    """Read what happened, oldest first: who, when, what, why, and the balances after it.

    The history is searched forward from `after` or `cursor`, up to 10,000 events a page, so a page
    may be short, or even empty, while `nextCursor` says that there is more to look at.
    """
    limit: int = call.query["limit"]
    wanted = _Wanted(call.query["storeId"], call.query["sku"], call.query["type"])
    reached = _after(call)
    scanned = 0
    slices = Slices()
    items: list[Json] = []
    while scanned < SCANNED_MAX:
        events = await call.ledger.events(reached, _SCAN_STEP)
        for event in events:
            if len(items) == limit:
                break
            reached = event.sequence
            scanned += 1
            item = _transaction(event, wanted)
            if item is not None:
                items.append(item)
            if slices.over:
                await slices.pause()
        if not events or len(items) == limit:
            break
    more = reached < call.ledger.last_sequence
    return json_answer({"items": items, "nextCursor": cursor_text(reached) if more else None})


def _after(call: Call) -> int:
    after: int | None = call.query["after"]
    at_cursor = cursor_sequence(call.query["cursor"])
    if after is not None and at_cursor is not None:
        raise invalid("#/query/after", "Give either after or cursor, not both.")
    return at_cursor or after or 0


def _transaction(event: LoggedEvent, wanted: _Wanted) -> Json | None:
    if not wanted.may_match(event.json):
        return None
    parsed = orjson.loads(event.json)
    return _transaction_body(parsed) if wanted.matches(parsed) else None


#: Records of the catalogue and of sales that belong to a store, to a SKU, or to both.
_PLACED: Final = ("items", "stores", "orders", "alerts")


def _touched(payload: Json) -> list[tuple[str | None, str | None]]:
    """Return the places that an event touched, as (store, SKU); None where it has no such."""
    touched: list[tuple[str | None, str | None]]
    touched = [(record["storeId"], record["sku"]) for record in payload.get("stock", ())]
    for held in payload.get("reservations", ()):
        touched.extend((held["storeId"], line["sku"]) for line in held["lines"])
    for table in _PLACED:
        touched.extend((each.get("storeId"), each.get("sku")) for each in payload.get(table, ()))
    deleted = payload.get("deleted", {})
    touched.extend((None, sku) for (sku,) in deleted.get("items", ()))
    touched.extend((store_id, None) for (store_id,) in deleted.get("stores", ()))
    return touched


_NAMED: Final = frozenset({"stock", "reservations", "existing", "reason", "occurredAt"})
_RESERVATION_FIELDS: Final = frozenset(
    name.alias or "" for name in outputs.Reservation.model_fields.values()
)


def _transaction_body(event: Json) -> dict[str, Any]:
    payload = event["payload"]
    facts = {name: value for name, value in payload.items() if name not in _NAMED}
    if "source" in event:
        facts["source"] = event["source"]
    return {
        "sequence": event["sequence"],
        "at": event["ts"],
        "type": event["type"],
        "actor": event["actor"],
        "requestId": event["requestId"],
        "reason": payload.get("reason"),
        "occurredAt": payload.get("occurredAt"),
        "facts": facts,
        "balances": [_balance(record) for record in payload.get("stock", ())],
        "reservations": [
            {name: value for name, value in held.items() if name in _RESERVATION_FIELDS}
            for held in payload.get("reservations", ())
        ],
    }


def _balance(record: Json) -> Json:
    return {
        "storeId": record["storeId"],
        "sku": record["sku"],
        "onHand": record["onHand"],
        "reserved": record["reserved"],
        "available": record["onHand"] - record["reserved"],
        "version": record["version"],
    }


_AFTER: Final = int_param(
    "after", 0, QUANTITY_MAX, None, "Only what comes behind this sequence; 0 is the beginning."
)

_FILTERS: Final = (
    id_param("storeId", "Only what touched this store."),
    id_param("sku", "Only what touched this SKU."),
    choice_param("type", tuple(sorted(EVENT_TYPES)), "Only events of this type."),
)

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/events",
        handler=list_events,
        tag=TAG,
        lane=Lane.WAITING,
        query=(
            *PAGE,
            _AFTER,
            int_param("wait", 0, WAIT_S_MAX, 0, "Seconds to wait for the first event."),
            *_FILTERS,
        ),
        replies={200: Reply("A page of events.", outputs.EventPage, text_types=(MEDIA_TYPE,))},
        problems=("history_gone",),
    ),
    Endpoint(
        method="GET",
        path="/transactions",
        handler=list_transactions,
        tag=TAG,
        query=(
            *PAGE,
            _AFTER,
            *_FILTERS,
        ),
        replies={200: Reply("A page of history.", outputs.TransactionPage)},
        problems=("history_gone",),
    ),
)
