"""One SKU in one store: read it, correct it, count it, mark it as out, hold some of it."""

from typing import Final

from holdfast.domain.commands import Action, ReserveStock
from holdfast.domain.records import (
    ITEM,
    LOW_STOCK,
    STOCK,
    STORE,
    Key,
    Line,
    LowStock,
    StockRecord,
)
from holdfast.domain.rejections import Rejected, invalid
from holdfast.http import actions
from holdfast.http.answer import Answer, etag, json_answer
from holdfast.http.as_of import (
    AS_OF,
    AS_OF_PROBLEMS,
    PAST_KNOWN,
    list_answer,
    reading_of,
    record_answer,
)
from holdfast.http.call import Call, new_id
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.owners import user_of
from holdfast.http.query import PAGE, bool_param, cursor_key, cursor_text, id_param
from holdfast.http.render import listed_stock, reserved_body, stock_body
from holdfast.http.render_catalogue import name_of
from holdfast.http.schemas import inputs, outputs
from holdfast.ledger.past_values import Scope
from holdfast.ledger.port import Reading

TAG: Final = "Stock"


def _place(call: Call) -> tuple[str, str]:
    return call.params["storeId"], call.params["sku"]


async def write_stock(call: Call, action: Action) -> Answer:
    """Do what changes one stock record and answer with the record."""
    outcome = await call.ledger.execute(call.command(action))
    record = outcome.stock[0]
    return json_answer(stock_body(record), 200, (etag(record.version),), outcome.replayed)


async def reserve(call: Call, body: inputs.ReserveBody) -> Answer:
    """Hold some of a SKU for somebody.

    What is held counts as `reserved` until the reservation is confirmed, cancelled or expires.
    """
    store_id, sku = _place(call)
    action = ReserveStock(
        new_id(),
        store_id,
        body.user_id if call.principal is None else user_of(call, body.user_id),
        (Line(sku, body.qty),),
        call.ttl_ms(body, body.ttl_seconds),
        call.expected(body.expected_version),
    )
    outcome = await call.ledger.execute(call.command(action))
    version = outcome.reservations[0].version
    return json_answer(reserved_body(outcome), 201, (etag(version),), outcome.replayed)


async def read_stock(call: Call) -> Answer:
    """Read one SKU in one store."""
    reading = await reading_of(call, Scope(*_place(call)))
    record = reading.get(STOCK, _place(call))
    if record is None:
        raise unknown_record(*_place(call))
    return record_answer(call, reading, record.version, stock_body(record))


async def adjust_stock(call: Call, body: inputs.AdjustBody) -> Answer:
    """Correct what is on hand by a difference.

    A positive difference makes the record, and the store, when they do not exist yet.
    """
    expected = call.expected(body.expected_version)
    return await write_stock(call, actions.adjust(_place(call), body, expected))


async def count_stock(call: Call, body: inputs.CountBody) -> Answer:
    """Set what is on hand to what was counted."""
    expected = call.expected(body.expected_version)
    return await write_stock(call, actions.count(_place(call), body, expected))


async def mark_out(call: Call, body: inputs.OutBody) -> Answer:
    """Mark a SKU as out, or lift the flag.

    Reserving what is out is refused as `insufficient_stock`; other writes go on.
    """
    expected = call.expected(body.expected_version)
    return await write_stock(call, actions.set_out(_place(call), body, expected))


async def list_store_stock(call: Call) -> Answer:
    """List the stock of one store, by SKU."""
    store_id = call.params["storeId"]
    reading = await reading_of(call, _page_scope(call, store_id, None))
    if reading.get(STORE, (store_id,)) is None:
        raise Rejected("not_found", f"There is no store {store_id}.", {"storeId": store_id})
    return _page(call, reading, store_id, None)


async def list_stock(call: Call) -> Answer:
    """List stock records, by store and SKU."""
    store_id, sku, low = (call.query[name] for name in ("storeId", "sku", "lowStock"))
    if low is not None and call.query["asOf"] is not None:
        raise invalid("#/query/lowStock", "lowStock cannot be asked of the past.")
    reading = await reading_of(call, _page_scope(call, store_id, sku))
    if low is None:
        return _page(call, reading, store_id, sku)

    def wanted(record: StockRecord | LowStock) -> bool:
        return store_id in {None, record.store_id} and sku in {None, record.sku}

    after, limit = cursor_key(call.query["cursor"], 2), call.query["limit"]
    if low:
        index, go_on = reading.page(LOW_STOCK, after, limit, wanted)
        found = (reading.get(STOCK, each.key) for each in index)
        records = [record for record in found if record is not None]
    else:
        records, go_on = reading.page(
            STOCK, after, limit, lambda each: wanted(each) and not reading.get(LOW_STOCK, each.key)
        )
    return _listed(call, reading, records, go_on)


def _page_scope(call: Call, store_id: str | None, sku: str | None) -> Scope:
    """Return the scope of a page, and of one record more, which tells that the list goes on."""
    return Scope(store_id, sku, cursor_key(call.query["cursor"], 2), call.query["limit"] + 1)


def _page(call: Call, reading: Reading, store_id: str | None, sku: str | None) -> Answer:
    limit: int = call.query["limit"]
    after = cursor_key(call.query["cursor"], 2)
    records = reading.stock_page(store_id, sku, after, limit + 1)
    go_on = records[limit - 1].key if len(records) > limit else None
    return _listed(call, reading, records[:limit], go_on)


def _listed(call: Call, reading: Reading, records: list[StockRecord], go_on: Key | None) -> Answer:
    items = [listed_stock(record, reading.get(ITEM, (record.sku,))) for record in records]
    next_cursor = None if go_on is None else cursor_text(*go_on)
    return list_answer(call, reading, {"items": items, "nextCursor": next_cursor})


async def read_sku(call: Call) -> Answer:
    """Read one SKU over all stores: the totals, and each store's record."""
    sku = call.params["sku"]
    reading = await reading_of(call, Scope(sku=sku))
    records = all_of_sku(reading, sku)
    if not records:
        raise Rejected("not_found", f"No store has a stock record of {sku}.", {"sku": sku})
    stores = [stock_body(record) for record in records]
    totals = {
        name: sum(store[name] for store in stores)
        for name in ("onHand", "reserved", "available", "sellable", "qty")
    }
    name = name_of(reading.get(ITEM, (sku,)), sku)
    return list_answer(call, reading, {"sku": sku, "name": name, **totals, "stores": stores})


_STORES_PER_STEP: Final = 1000


def all_of_sku(reading: Reading, sku: str) -> list[StockRecord]:
    """Return the SKU's records in all stores."""
    records: list[StockRecord] = []
    after: Key | None = None
    while True:
        step = reading.stock_page(None, sku, after, _STORES_PER_STEP)
        records.extend(step)
        if len(step) < _STORES_PER_STEP:
            return records
        after = step[-1].key


def unknown_record(store_id: str, sku: str) -> Rejected:
    """Refuse to read a record that is not there."""
    return Rejected(
        "not_found",
        f"{store_id} has no stock record of {sku}.",
        {"storeId": store_id, "skus": [sku]},
    )


_RECORD: Final = {200: Reply("The record after it.", outputs.StockRecord, etag=True)}
_WRITE_PROBLEMS: Final = ("not_found", "version_conflict", "insufficient_stock")
_ONE: Final = "/stores/{storeId}/inventory/{sku}"

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path=f"{_ONE}/reserve",
        handler=reserve,
        tag=TAG,
        body=inputs.ReserveBody,
        replies={
            201: Reply("The reservation, and the stock after it.", outputs.Reserved, etag=True)
        },
        problems=_WRITE_PROBLEMS,
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/adjust",
        handler=adjust_stock,
        tag=TAG,
        body=inputs.AdjustBody,
        replies=_RECORD,
        problems=_WRITE_PROBLEMS,
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/count",
        handler=count_stock,
        tag=TAG,
        body=inputs.CountBody,
        replies=_RECORD,
        problems=("version_conflict", "insufficient_stock"),
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="POST",
        path=f"{_ONE}/out",
        handler=mark_out,
        tag=TAG,
        body=inputs.OutBody,
        replies=_RECORD,
        problems=("not_found", "version_conflict"),
        writes=True,
        precondition=True,
    ),
    Endpoint(
        method="GET",
        path=_ONE,
        handler=read_stock,
        tag=TAG,
        query=(AS_OF,),
        replies={
            200: Reply("The record.", outputs.StockRecord, etag=True),
            304: Reply("Not changed since the version in `If-None-Match`.", etag=True),
        },
        problems=("not_found", *AS_OF_PROBLEMS),
    ),
    Endpoint(
        method="GET",
        path="/stores/{storeId}/inventory",
        handler=list_store_stock,
        tag=TAG,
        query=(*PAGE, AS_OF),
        replies={200: Reply("A page of records.", outputs.StockPage, etag=True), 304: PAST_KNOWN},
        problems=("not_found", *AS_OF_PROBLEMS),
    ),
    Endpoint(
        method="GET",
        path="/stock",
        handler=list_stock,
        tag=TAG,
        query=(
            *PAGE,
            id_param("storeId", "Only of this store."),
            id_param("sku", "Only of this SKU."),
            bool_param("lowStock", "Only what is low, or is not; not together with asOf."),
            AS_OF,
        ),
        replies={200: Reply("A page of records.", outputs.StockPage, etag=True), 304: PAST_KNOWN},
        problems=AS_OF_PROBLEMS,
    ),
    Endpoint(
        method="GET",
        path="/stock/{sku}",
        handler=read_sku,
        tag=TAG,
        query=(AS_OF,),
        replies={
            200: Reply("Totals and each store's record.", outputs.StockTotals, etag=True),
            304: PAST_KNOWN,
        },
        problems=("not_found", *AS_OF_PROBLEMS),
    ),
)
