"""A batch in which every row is decided on its own: one bad row harms no other."""

from uuid_utils import uuid7

from holdfast.domain.commands import Action, Command, Idempotency, SourceLine
from holdfast.http.answer import Answer
from holdfast.http.batch.keys import digest, refuse_other_rows, row_key
from holdfast.http.batch.results import Result, ndjson
from holdfast.http.batch.rows import Row
from holdfast.http.call import Call
from holdfast.http.slices import Slices


async def decide_each(call: Call, rows: list[Row], header_key: str | None) -> Answer:
    """Decide the rows in order and answer each.

    Raises:
        Rejected: the request's key belongs to another request.
    """
    batch = b"" if header_key is None else await digest(rows)
    commands: list[Command] = []
    derived: list[Idempotency] = []
    slices = Slices()
    for row in rows:
        if row.action is not None:
            stamp: Idempotency | None = None
            if row.key is not None:
                stamp = call.idempotency(row.key, row.asked)
            elif header_key is not None:
                stamp = call.idempotency(row_key(header_key, row.number), batch + row.asked)
                derived.append(stamp)
            commands.append(row_command(call, row.action, stamp))
        if slices.over:
            await slices.pause()
    if header_key is not None:
        await refuse_other_rows(call, header_key, derived)
    decided = iter(await call.ledger.execute_many(commands))
    results: list[Result] = [row.refused if row.action is None else next(decided) for row in rows]
    return await ndjson(rows, results)


def row_command(
    call: Call, action: Action, idempotency: Idempotency | None, source: SourceLine | None = None
) -> Command:
    """Return the command of one row."""
    return Command(
        action,
        str(uuid7()),
        call.actor,
        call.request_id,
        idempotency,
        source,
        call.config.reservation_retention_ms,
    )
