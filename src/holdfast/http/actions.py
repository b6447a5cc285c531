"""From what a client sent to what the business is asked."""

from holdfast.domain.commands import (
    AdjustStock,
    CountStock,
    ReceiveStock,
    SetOut,
    ShipStock,
    TransferStock,
)
from holdfast.domain.records import Line
from holdfast.http.schemas.inputs import (
    AdjustBody,
    CountBody,
    LineBody,
    MoveBody,
    OneOrLines,
    OutBody,
    TransferBody,
)

Place = tuple[str, str]


def adjust(place: Place, body: AdjustBody, expected: int | None) -> AdjustStock:
    """Correct what is on hand."""
    return AdjustStock(*place, body.delta, expected, body.reason, body.occurred_at)


def count(place: Place, body: CountBody, expected: int | None) -> CountStock:
    """Set what is on hand."""
    return CountStock(*place, body.counted, expected, body.reason, body.occurred_at)


def receive(place: Place, body: MoveBody, expected: int | None) -> ReceiveStock:
    """Take goods in."""
    return ReceiveStock(*place, body.qty, expected, body.reason, body.occurred_at)


def ship(place: Place, body: MoveBody, expected: int | None) -> ShipStock:
    """Give goods out."""
    return ShipStock(*place, body.qty, expected, body.reason, body.occurred_at)


def set_out(place: Place, body: OutBody, expected: int | None) -> SetOut:
    """Mark as out, or lift the flag."""
    return SetOut(*place, body.is_out, body.reason, body.until, expected)


def transfer(body: TransferBody) -> TransferStock:
    """Move goods between stores."""
    return TransferStock(
        body.from_store_id,
        body.to_store_id,
        lines_of(body),
        body.from_version,
        body.to_version,
        body.reason,
        body.occurred_at,
    )


def lines_of(body: OneOrLines) -> tuple[Line, ...]:
    """Return the lines of a body that may name its only line directly."""
    if body.sku is not None and body.qty is not None:
        return (Line(body.sku, body.qty),)
    return as_lines(body.lines or [])


def as_lines(lines: list[LineBody]) -> tuple[Line, ...]:
    """Return lines as the business knows them."""
    return tuple(Line(line.sku, line.qty) for line in lines)
