"""A batch that is decided as a whole: one event, all or none."""

from typing import Any

from holdfast.domain.commands import ApplyBatch, Command, RowAction
from holdfast.domain.records import Json
from holdfast.domain.rejections import Rejected, invalid
from holdfast.http.answer import Answer
from holdfast.http.batch.keys import refuse_rows
from holdfast.http.batch.results import ndjson, refused_line, shares
from holdfast.http.batch.rows import Row
from holdfast.http.call import Call, new_id
from holdfast.http.problems import KINDS, known

_ERRORS_MAX = 1000


async def decide_whole(call: Call, rows: list[Row], header_key: str | None) -> Answer:
    """Decide all rows as one.

    Raises:
        Rejected: some row is malformed or refused; every such row is named. Or the key belongs
            to another request.
    """
    if header_key is not None:
        await refuse_rows(call, header_key, len(rows))
    command = Command(
        ApplyBatch(_actions(rows)),
        new_id(),
        call.actor,
        call.request_id,
        None
        if header_key is None
        else call.idempotency(header_key, b"\n".join([b"atomic", *(row.asked for row in rows)])),
        None,
        call.config.reservation_retention_ms,
    )
    try:
        outcome = await call.ledger.execute(command)
    except Rejected as no:
        raise _with_statuses(no) from None
    return await ndjson(rows, shares(rows, outcome), outcome.replayed)


def _actions(rows: list[Row]) -> tuple[RowAction, ...]:
    keyed = [row.number for row in rows if row.key is not None]
    if keyed:
        raise invalid(
            "/idempotencyKey",
            "An atomic batch has one key, in the Idempotency-Key header; rows have none "
            f"(row {keyed[0]} has).",
        )
    malformed = [_error(row) for row in rows if row.refused is not None]
    if malformed:
        raise Rejected(
            "validation_error",
            f"{len(malformed)} of {len(rows)} rows are malformed, so none was applied.",
            {"errors": malformed[:_ERRORS_MAX]},
        )
    return tuple(row.action for row in rows if row.action is not None)


def _error(row: Row) -> dict[str, Any]:
    if row.refused is None:
        return {}
    return {"line": row.number, "pointer": f"/{row.number}", **refused_line(row.refused)}


def _with_statuses(no: Rejected) -> Rejected:
    if no.code != "batch_refused":
        return no
    errors = [_with_status(error) for error in no.data["errors"][:_ERRORS_MAX]]
    return Rejected(no.code, no.detail, {**no.data, "errors": errors})


def _with_status(error: Json) -> Json:
    return {"line": error["line"], "status": KINDS[known(error["code"])].status, **error}
