"""A batch in which every row is decided on its own: one bad row harms no other."""

from hashlib import blake2b
from typing import Final

from uuid_utils import uuid7

from holdfast.domain.commands import Action, Command, SourceLine
from holdfast.http.answer import Answer
from holdfast.http.batch.results import Result, ndjson
from holdfast.http.batch.rows import Row
from holdfast.http.call import Call
from holdfast.http.slices import Slices

_KEY_CHARS_MAX: Final = 255


async def decide_each(call: Call, rows: list[Row], header_key: str | None) -> Answer:
    """Decide the rows in order and answer each."""
    commands: list[Command] = []
    slices = Slices()
    for row in rows:
        if row.action is not None:
            commands.append(row_command(call, row, row.action, _key(row, header_key)))
        if slices.over:
            await slices.pause()
    decided = iter(await call.ledger.execute_many(commands))
    results: list[Result] = [row.refused if row.action is None else next(decided) for row in rows]
    return await ndjson(rows, results)


def row_command(
    call: Call, row: Row, action: Action, key: str | None, source: SourceLine | None = None
) -> Command:
    """Return the command of one row."""
    return Command(
        action,
        str(uuid7()),
        call.actor,
        call.request_id,
        None if key is None else call.idempotency(key, row.parsed),
        source,
        call.config.reservation_retention_ms,
    )


def _key(row: Row, header_key: str | None) -> str | None:
    """The row's own key, else one that the request's key and the row's number make."""
    if row.key is not None or header_key is None:
        return row.key
    derived = f"{header_key}:{row.number}"
    if len(derived) <= _KEY_CHARS_MAX:
        return derived
    return f"{blake2b(header_key.encode(), digest_size=32).hexdigest()}:{row.number}"
