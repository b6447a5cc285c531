"""The rows of a batch: one JSON object a line, each read as strictly as a single request."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

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
from holdfast.http.owners import user_of
from holdfast.http.schemas import rows as models
from holdfast.http.slices import Slices
from holdfast.http.validation import refused

ROWS_MAX: Final = 10_000

_Action = Callable[[Call, Any], RowAction]


class Row(NamedTuple):
    """One line, and what it asks for; or why it asks for nothing that makes sense."""

    #: Counted from 1.
    number: int
    action: RowAction | None
    #: What tells it from another row: its fields as JSON.
    asked: bytes
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
        action = _ACTIONS[model](call, row)
    except ValidationError as error:
        return _malformed(number, value, refused(error))
    except Rejected as no:
        return _malformed(number, value, no)
    asked = orjson.dumps(_asked(value, text), option=orjson.OPT_SORT_KEYS)
    return Row(number, action, asked, row.idempotency_key, row.line)


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
    return Row(number, None, b"", None, line if readable else None, no)


def _asked(value: dict[str, Json], text: bytes) -> dict[str, Json]:
    """Return what a row asks, without its key and place, however its names are spelled."""
    if b"_" in text or b"\\" in text:  # The name may be escaped.
        value = {to_camel(name): each for name, each in value.items()}
    for name in _NOT_ASKED:
        value.pop(name, None)
    return value


_NOT_ASKED: Final = ("idempotencyKey", "line")


def _user(call: Call, in_row: str | None) -> str | None:
    """Return whose a row is: with sign-in the caller's, and a row never acts for others."""
    return in_row if call.principal is None else user_of(call, in_row)


def _reserve(call: Call, row: models.ReserveRow) -> ReserveStock:
    ttl_ms = call.ttl_ms(row, row.ttl_seconds)
    lines = actions.lines_of(row)
    user_id = _user(call, row.user_id)
    return ReserveStock(new_id(), row.store_id, user_id, lines, ttl_ms, row.expected_version)


def _confirm(call: Call, row: models.ConfirmRow) -> ConfirmReservation:
    user_id = _user(call, row.user_id)
    return ConfirmReservation(row.reservation_id, user_id, row.expected_version)


def _cancel(call: Call, row: models.CancelRow) -> CancelReservation:
    user_id = _user(call, row.user_id)
    return CancelReservation(row.reservation_id, user_id, row.expected_version)


def _extend(call: Call, row: models.ExtendRow) -> ExtendReservation:
    ttl_ms = call.ttl_ms(row, row.ttl_seconds)
    user_id = _user(call, row.user_id)
    return ExtendReservation(row.reservation_id, user_id, ttl_ms, row.expected_version)


def _at_place(make: Callable[[actions.Place, Any, int | None], RowAction]) -> _Action:
    return lambda _, row: make((row.store_id, row.sku), row, row.expected_version)


_ACTIONS: Final[dict[type[models.Row], _Action]] = {
    models.AdjustRow: _at_place(actions.adjust),
    models.CountRow: _at_place(actions.count),
    models.ReceiveRow: _at_place(actions.receive),
    models.ShipRow: _at_place(actions.ship),
    models.OutRow: _at_place(actions.set_out),
    models.TransferRow: lambda _, row: actions.transfer(row),
    models.ReserveRow: _reserve,
    models.ConfirmRow: _confirm,
    models.CancelRow: _cancel,
    models.ExtendRow: _extend,
}
