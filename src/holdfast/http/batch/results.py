"""One line of the answer for each row, in order."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from holdfast.domain.commands import (
    CancelReservation,
    ConfirmReservation,
    ExtendReservation,
    ReserveStock,
    TransferStock,
)
from holdfast.domain.records import Json, Outcome, Reservation
from holdfast.domain.rejections import Rejected
from holdfast.http.answer import NDJSON, Answer
from holdfast.http.batch.rows import Row
from holdfast.http.problems import code_of
from holdfast.http.render import reservation_body, reserved_body, stock_body, transfer_body
from holdfast.http.slices import Slices
from holdfast.ledger.port import Unavailable

NOT_DECIDED: Final = {"status": 0}

Result = Outcome | Rejected | Unavailable | None


async def ndjson(rows: list[Row], results: Iterable[Result], replayed: bool = False) -> Answer:
    """Write the results; None is a row that was not decided."""
    lines: list[bytes] = []
    slices = Slices()
    for row, result in zip(rows, results, strict=True):
        lines.append(orjson.dumps(_line(row, result)))
        if slices.over:
            await slices.pause()
    lines.append(b"")
    return Answer(200, b"\n".join(lines), NDJSON, (), replayed)


def _line(row: Row, result: Result) -> dict[str, Json]:
    if result is None:
        return NOT_DECIDED
    if isinstance(result, Outcome):
        return _done(row, result)
    return refused_line(result)


def refused_line(no: Rejected | Unavailable) -> dict[str, Json]:
    """Say why a row was refused, or could not be decided."""
    status, code = code_of(no)
    details: dict[str, Any] = (
        no.data if isinstance(no, Rejected) else {"retryAfterMs": no.retry_after_ms}
    )
    return {"status": status, "code": code, "detail": no.detail, "details": details}


def _done(row: Row, outcome: Outcome) -> dict[str, Json]:
    line = _body(row, outcome)
    if outcome.reservations:
        # A reservation has a `status` of its own; on these lines the word is taken.
        line["reservationStatus"] = line["status"]
    line["status"] = 201 if isinstance(row.action, ReserveStock) else 200
    if outcome.replayed:
        line["replayed"] = True
    return line


def _body(row: Row, outcome: Outcome) -> dict[str, Json]:
    action = row.action
    if isinstance(action, TransferStock):
        return transfer_body(action, outcome)
    if isinstance(action, ReserveStock) and len(outcome.stock) == 1:
        return reserved_body(outcome)
    if outcome.reservations:
        return reservation_body(outcome.reservations[0])
    return stock_body(outcome.stock[0])


def shares(rows: list[Row], outcome: Outcome) -> list[Outcome]:
    """Give each row of a batch that was decided as a whole its part of the records.

    Reservations that the batch made have ids that only the first request knew, so on a repetition
    they are told apart from those that the rows name, and given out in the order of the rows.
    """
    stock = {record.key: record for record in outcome.stock}
    held = {each.reservation_id: each for each in outcome.reservations}
    named = {_named(row) for row in rows}
    made = iter([each for each in outcome.reservations if each.reservation_id not in named])
    return [_share(row, stock, held, made)._replace(replayed=False) for row in rows]


def _share(
    row: Row, stock: dict[Any, Any], held: dict[str, Reservation], made: Iterable[Reservation]
) -> Outcome:
    action = row.action
    if action is None:
        raise TypeError(f"row {row.number} asked for nothing")
    if isinstance(action, ReserveStock):
        records = [stock[action.store_id, line.sku] for line in action.lines]
        return Outcome(tuple(records), (next(iter(made)),))
    if isinstance(action, TransferStock):
        places = (action.from_store_id, action.to_store_id)
        return Outcome(tuple(stock[place, line.sku] for line in action.lines for place in places))
    if isinstance(action, _ONE_RESERVATION):
        return Outcome((), (held[action.reservation_id],))
    return Outcome((stock[action.store_id, action.sku],))


_ONE_RESERVATION: Final = (ConfirmReservation, CancelReservation, ExtendReservation)


def _named(row: Row) -> str | None:
    return row.action.reservation_id if isinstance(row.action, _ONE_RESERVATION) else None
