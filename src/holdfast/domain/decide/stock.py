"""Decisions about stock: taking in, selling, counting, moving, marking as out."""

from holdfast.domain.commands import (
    AdjustStock,
    CountStock,
    LiftOut,
    ReceiveStock,
    SetOut,
    ShipStock,
    TransferStock,
)
from holdfast.domain.decide.draft import Draft
from holdfast.domain.records import ITEM, Json, Line, StockRecord
from holdfast.domain.rejections import (
    insufficient_stock,
    invalid,
    reserved_stays,
    shortage,
    unknown_stock,
)
from holdfast.domain.values import instant_text

#: The type of the event, and what was asked, JSON-ready.
Fact = tuple[str, dict[str, Json]]


def merge_lines(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Add up the lines of one SKU, so that each SKU is looked at once."""
    if len(lines) == 1:
        return lines
    sums: dict[str, int] = {}
    for line in lines:
        sums[line.sku] = sums.get(line.sku, 0) + line.qty
    return tuple(Line(sku, qty) for sku, qty in sums.items())


def known_lines(
    draft: Draft, store_id: str, lines: tuple[Line, ...]
) -> list[tuple[Line, StockRecord]]:
    """Return each line with its stock record, or refuse and name every SKU that is unknown."""
    known: list[tuple[Line, StockRecord]] = []
    missing: list[str] = []
    for line in lines:
        record = draft.stock(store_id, line.sku)
        if record is None:
            missing.append(line.sku)
        else:
            known.append((line, record))
    if missing:
        raise unknown_stock(store_id, missing)
    return known


def short_line(draft: Draft, record: StockRecord, requested: int, available: int) -> Json:
    """Describe a line that cannot be served, with the time when more may be released."""
    release = draft.view.next_release(record.store_id, record.sku)
    if record.is_out:
        release = record.out_until
    name = item_name(draft, record.sku)
    return shortage(record.key, name, requested, available, release)


def item_name(draft: Draft, sku: str) -> str:
    """Return what people call a SKU."""
    item = draft.record(ITEM, (sku,))
    return sku if item is None else item.name


def _take(draft: Draft, record: StockRecord, qty: int) -> None:
    """Take away what is available; to take less than nothing is to add."""
    if qty > record.available:
        raise insufficient_stock([short_line(draft, record, qty, record.available)])
    draft.set_levels(record, record.on_hand - qty, record.reserved)


def _noted(facts: dict[str, Json], reason: str | None, occurred_at: int | None) -> dict[str, Json]:
    if reason is not None:
        facts["reason"] = reason
    if occurred_at is not None:
        facts["occurredAt"] = instant_text(occurred_at)
    return facts


def adjust(draft: Draft, action: AdjustStock) -> Fact:
    """Change what is on hand; a positive change makes record and store where there are none."""
    if action.delta < 0:
        draft.known_stock(action.store_id, action.sku)
    draft.expect(action.store_id, action.sku, action.expected_version)
    _take(draft, draft.stock_or_new(action.store_id, action.sku), -action.delta)
    facts: dict[str, Json] = {"delta": action.delta}
    return "StockAdjusted", _noted(facts, action.reason, action.occurred_at)


def count(draft: Draft, action: CountStock) -> Fact:
    """Set what is on hand; a count is a fact even when it finds the number that was known."""
    draft.expect(action.store_id, action.sku, action.expected_version)
    record = draft.stock_or_new(action.store_id, action.sku)
    if action.counted < record.reserved:
        name = item_name(draft, action.sku)
        raise reserved_stays(action.store_id, action.sku, name, record.reserved, action.counted)
    facts: dict[str, Json] = {"counted": action.counted, "before": record.on_hand}
    draft.set_levels(record, action.counted, record.reserved)
    return "StockCounted", _noted(facts, action.reason, action.occurred_at)


def receive(draft: Draft, action: ReceiveStock) -> Fact:
    """Goods came in."""
    draft.expect(action.store_id, action.sku, action.expected_version)
    record = draft.stock_or_new(action.store_id, action.sku)
    draft.set_levels(record, record.on_hand + action.qty, record.reserved)
    facts: dict[str, Json] = {"qty": action.qty}
    return "StockReceived", _noted(facts, action.reason, action.occurred_at)


def ship(draft: Draft, action: ShipStock) -> Fact:
    """Goods went out, as far as nobody else was promised them."""
    record = draft.known_stock(action.store_id, action.sku)
    draft.expect(action.store_id, action.sku, action.expected_version)
    _take(draft, record, action.qty)
    facts: dict[str, Json] = {"qty": action.qty}
    return "StockShipped", _noted(facts, action.reason, action.occurred_at)


def transfer(draft: Draft, action: TransferStock) -> Fact:
    """Move goods between two stores; every short line is named."""
    if action.from_store_id == action.to_store_id:
        raise invalid("/toStoreId", "A transfer needs two different stores.")
    lines = merge_lines(action.lines)
    known = known_lines(draft, action.from_store_id, lines)
    for line in lines:
        draft.expect(action.from_store_id, line.sku, action.from_version)
        draft.expect(action.to_store_id, line.sku, action.to_version)
    short = [
        short_line(draft, record, line.qty, record.available)
        for line, record in known
        if line.qty > record.available
    ]
    if short:
        raise insufficient_stock(short)
    for line, record in known:
        target = draft.stock_or_new(action.to_store_id, line.sku)
        draft.set_levels(record, record.on_hand - line.qty, record.reserved)
        draft.set_levels(target, target.on_hand + line.qty, target.reserved)
    facts: dict[str, Json] = {
        "fromStoreId": action.from_store_id,
        "toStoreId": action.to_store_id,
        "lines": [{"sku": line.sku, "qty": line.qty} for line in lines],
    }
    return "StockTransferred", _noted(facts, action.reason, action.occurred_at)


def set_out(draft: Draft, action: SetOut) -> Fact:
    """Mark or unmark a SKU as out; to say again what holds already changes nothing."""
    record = draft.known_stock(action.store_id, action.sku)
    draft.expect(action.store_id, action.sku, action.expected_version)
    if action.is_out and action.until is not None and action.until <= draft.now:
        raise invalid("/until", "The time until which the item is out must lie ahead.")
    reason, until = (action.reason, action.until) if action.is_out else (None, None)
    if (record.is_out, record.out_reason, record.out_until) == (action.is_out, reason, until):
        draft.show_stock(record)
    else:
        draft.set_out(record, action.is_out, reason, until)
    facts: dict[str, Json] = {}
    if until is not None:
        facts["until"] = instant_text(until)
    return (
        "StockMarkedOut" if action.is_out else "StockUnmarkedOut",
        _noted(facts, action.reason, None),
    )


def lift_out(draft: Draft, action: LiftOut) -> Fact:
    """The instant came until which the SKU was out."""
    record = draft.known_stock(action.store_id, action.sku)
    if record.is_out and record.out_until is not None and record.out_until <= draft.now:
        draft.set_out(record, False, None, None)
    return "StockUnmarkedOut", {"due": True}
