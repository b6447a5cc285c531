"""Many writes in one request, and the places of bulk loads."""

from typing import Final

from holdfast.domain.records import SOURCE
from holdfast.domain.rejections import Rejected, invalid
from holdfast.domain.values import QUANTITY_MAX
from holdfast.http.answer import Answer, json_answer
from holdfast.http.batch.each import decide_each
from holdfast.http.batch.load import decide_load
from holdfast.http.batch.rows import Row, read_rows
from holdfast.http.batch.whole import decide_whole
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.headers import idempotency_key, refused_header
from holdfast.http.lanes import Lane
from holdfast.http.query import PAGE, bool_param, cursor_sequence, cursor_text, id_param, int_param
from holdfast.http.schemas import outputs

TAG: Final = "Batch"
_MEDIA_TYPES: Final = ("application/x-ndjson", "application/ndjson", "application/json")


async def apply_batch(call: Call) -> Answer:
    """Write many things: one JSON object a line, at most 10,000, one result a line in order.

    Each row names its operation in `op` and has the fields of the single request. Rows are decided
    one after another, and a refused row leaves the others as they are. An `Idempotency-Key` gives
    each row a key of its own, made of that key and the row's number; a row may bring its own
    `idempotencyKey`. Once a row was done under the request's key, another batch with that key is
    refused as a whole, and so is the same batch with `atomic` changed: 409 `idempotency_mismatch`.
    That a key was used for a batch is not noticed by other addresses, so take a new key for every
    request.

    With `atomic=true` all rows are one event: all or none. Records that several rows change gain
    one version, and each line shows the record after the whole batch. When a row is refused, the
    answer is 409 `batch_refused` with `details.errors` per line; malformed rows: 400.

    With `source` and `after` the rows belong to a bulk load: each line of it is decided once,
    however often it is sent. Every row has a rising `line`; `after` is the source's mark, the last
    line that was decided (0 at first). A refused row moves the mark and is listed under
    `GET /batch/sources/{name}`. The request ends at a row that nobody can decide now; the rows
    behind it have `"status": 0`. So have the rows from where another request for the same source
    was quicker: read the mark, and go on behind it.

    A newline at the end is optional; any other empty line is a malformed row.
    """
    source: str | None = call.query["source"]
    after: int | None = call.query["after"]
    atomic: bool = call.query["atomic"]
    header_key = idempotency_key(call.headers)
    if source is None:
        if after is not None:
            raise invalid("#/query/after", "after belongs to source; give both or neither.")
        rows = [_without_line(row) for row in await read_rows(call, call.raw_body)]
        decide = decide_whole if atomic else decide_each
        return await decide(call, rows, header_key)
    if atomic or after is None or header_key is not None:
        raise _bad_load(atomic, after)
    return await decide_load(call, await read_rows(call, call.raw_body), source, after)


def _bad_load(atomic: bool, after: int | None) -> Rejected:
    if after is None:
        return invalid("#/query/after", "A load needs after: the line behind which it goes on.")
    if atomic:
        return invalid("#/query/atomic", "A load decides its rows in order; it cannot be atomic.")
    return refused_header("Idempotency-Key", "A load has no key; its source and lines suffice.")


def _without_line(row: Row) -> Row:
    if row.line is None or row.refused is not None:
        return row
    no = invalid("/line", "A line belongs to a load: name its source, or leave the line out.")
    return Row(row.number, None, b"", row.key, None, no)


async def read_batch_source(call: Call) -> Answer:
    """Read a bulk load's mark, and which lines were refused.

    A load that was never begun has the mark 0.
    """
    name = call.params["name"]
    reading = await call.ledger.read()
    known = reading.get(SOURCE, (name,))
    limit: int = call.query["limit"]
    after = cursor_sequence(call.query["cursor"]) or 0
    refusals = reading.refusal_page(name, after, limit + 1)
    shown = refusals[:limit]
    body = {
        "name": name,
        "mark": 0 if known is None else known.mark,
        "refused": 0 if known is None else known.refused,
        "items": [{"line": no.line, "code": no.code, "detail": no.detail} for no in shown],
        "nextCursor": cursor_text(shown[-1].line) if len(refusals) > limit else None,
    }
    return json_answer(body)


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/batch",
        handler=apply_batch,
        tag=TAG,
        lane=Lane.BATCH,
        raw_body=_MEDIA_TYPES,
        query=(
            bool_param("atomic", "All rows or none, as one event.", False),
            id_param("source", "The bulk load that the rows belong to."),
            int_param("after", 0, QUANTITY_MAX, None, "With `source`: its mark."),
        ),
        replies={
            200: Reply("One result a line, in order.", outputs.BatchResult, "application/x-ndjson")
        },
        problems=("version_conflict", "batch_refused"),
        writes=True,
    ),
    Endpoint(
        method="GET",
        path="/batch/sources/{name}",
        handler=read_batch_source,
        tag=TAG,
        query=PAGE,
        replies={200: Reply("The load's place.", outputs.BatchSource)},
    ),
)
