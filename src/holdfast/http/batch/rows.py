"""The rows of a batch: one JSON object a line, each read as strictly as a single request."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from holdfast.domain.commands import (
    CancelReservation,
    ConfirmReservation,
    ExtendReservation,
    ReserveStock,
    RowAction,
)
from holdfast.domain.records import Json
from holdfast.domain.rejections import Rejected, invalid
from holdfast.domain.values import QUANTITY_MAX
from holdfast.http import actions
from holdfast.http.body import BODY_BYTES_MAX, parse_json
from holdfast.http.call import Call, new_id
from holdfast.http.schemas import rows as models
from holdfast.http.slices import Slices
from holdfast.http.validation import refused

ROWS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line, and what it asks for; or why it asks for nothing that makes sense."""

    #: Counted from 1.
    number: int
    action: RowAction | None
    #: The row's fields, for its fingerprint.
    parsed: dict[str, Any]
    key: str | None = None
    #: Its place in a bulk load, as far as that could be read.
    line: int | None = None
    refused: Rejected | None = None


async def read_rows(call: Call, body: bytes) -> list[Row]:
    """Read all rows, giving the loop to others in between.

    Raises:
        Rejected: there are none, or too many.
    """
    body = body.removesuffix(b"\n")
    if not body:
        raise invalid("", "The body is empty; send one JSON object a line.")
    if body.count(b"\n") >= ROWS_MAX:
        raise invalid("", f"A batch has at most {ROWS_MAX} rows; send the rest in another.")
    rows: list[Row] = []
    slices = Slices()
    for number, text in enumerate(body.split(b"\n"), start=1):
        rows.append(_read_row(call, number, text))
        if slices.over:
            await slices.pause()
    return rows


def _read_row(call: Call, number: int, text: bytes) -> Row:
    value: Json = None
    try:
        value = _parse(text)
        model = _model_of(value)
        row = model.model_validate(value)
    except ValidationError as error:
        return _malformed(number, value, refused(error))
    except Rejected as no:
        return _malformed(number, value, no)
    parsed = row.model_dump(exclude_unset=True, exclude={"idempotency_key", "line"})
    return Row(number, _action(call, row), parsed, row.idempotency_key, row.line)


def _parse(text: bytes) -> Json:
    if not text.strip():
        raise invalid("", "The row is empty.")
    if len(text) > BODY_BYTES_MAX:
        raise Rejected("payload_too_large", "The row is larger than 1 MiB.")
    return parse_json(text, "The row")


def _model_of(value: Json) -> type[models.Row]:
    if not isinstance(value, dict):
        raise invalid("", "A row must be a JSON object.")
    op = value.get("op")
    model = models.ROWS.get(op) if isinstance(op, str) else None
    if model is None:
        raise invalid("/op", f"op must be one of {', '.join(models.ROWS)}.")
    return model


def _malformed(number: int, value: Json, no: Rejected) -> Row:
    line = value.get("line") if isinstance(value, dict) else None
    # `True` is an int to Python; and a mark beyond what `after` can say would end its load.
    readable = type(line) is int and 1 <= line <= QUANTITY_MAX
    return Row(number, None, {}, None, line if readable else None, no)


def _action(call: Call, row: models.Row) -> RowAction:  # noqa: C901 - one case for each op
    match row:
        case models.AdjustRow():
            return actions.adjust((row.store_id, row.sku), row, row.expected_version)
        case models.CountRow():
            return actions.count((row.store_id, row.sku), row, row.expected_version)
        case models.ReceiveRow():
            return actions.receive((row.store_id, row.sku), row, row.expected_version)
        case models.ShipRow():
            return actions.ship((row.store_id, row.sku), row, row.expected_version)
        case models.OutRow():
            return actions.set_out((row.store_id, row.sku), row, row.expected_version)
        case models.TransferRow():
            return actions.transfer(row)
        case models.ReserveRow():
            ttl_ms = call.ttl_ms(row, row.ttl_seconds)
            lines = actions.lines_of(row)
            return ReserveStock(
                new_id(), row.store_id, row.user_id, lines, ttl_ms, row.expected_version
            )
        case models.ConfirmRow():
            return ConfirmReservation(row.reservation_id, row.user_id, row.expected_version)
        case models.CancelRow():
            return CancelReservation(row.reservation_id, row.user_id, row.expected_version)
        case models.ExtendRow():
            ttl_ms = call.ttl_ms(row, row.ttl_seconds)
            return ExtendReservation(row.reservation_id, row.user_id, ttl_ms, row.expected_version)
    raise TypeError(f"no action for a row of type {type(row).__name__}")
