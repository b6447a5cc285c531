"""Bulk loads: the source's mark says which lines are decided, so sending them again is harmless.

The mark moves in the same event as the row that it follows, so a load that was cut off anywhere
goes on behind its mark and decides nothing twice; keys, which expire, have no part in it.
"""

from itertools import chain, repeat

from holdfast.domain.commands import Command, RefuseRow, SourceLine
from holdfast.domain.records import SOURCE
from holdfast.domain.rejections import Rejected, invalid
from holdfast.http.answer import Answer
from holdfast.http.batch.each import row_command
from holdfast.http.batch.results import Result, ndjson
from holdfast.http.batch.rows import Row
from holdfast.http.call import Call
from holdfast.http.slices import Slices


async def decide_load(call: Call, rows: list[Row], source: str, after: int) -> Answer:
    """Decide the rows behind `after`, in order, until one cannot be decided now.

    Raises:
        Rejected: the lines do not rise, or the source's mark is not `after`.
    """
    _require_rising(rows, after)
    known = (await call.ledger.read()).get(SOURCE, (source,))
    mark = 0 if known is None else known.mark
    if mark != after:
        raise Rejected(
            "version_conflict",
            f"The load {source} is at line {mark}, not {after}: go on behind its mark.",
            {"mark": mark},
        )
    commands = await _commands(call, rows, source, after)
    decided = await call.ledger.execute_many(commands, stop_when_unavailable=True)
    last = decided[-1]
    if isinstance(last, Rejected) and "mark" in last.data:
        # Somebody else loads the same source and was quicker from here on.
        decided.pop()
        if not decided:
            raise last
    results: chain[Result] = chain(decided, repeat(None, len(rows) - len(decided)))
    return await ndjson(rows, results)


def _require_rising(rows: list[Row], after: int) -> None:
    previous = after
    for row in rows:
        if row.key is not None:
            raise invalid(
                "/idempotencyKey", "The rows of a load have no keys; their lines suffice."
            )
        if row.line is None:
            why = "" if row.refused is None else f" ({row.refused.detail})"
            raise invalid(
                f"/{row.number}/line",
                f"Row {row.number} has no readable line number, so nothing was decided{why}.",
            )
        if row.line <= previous:
            raise invalid(
                f"/{row.number}/line",
                f"Row {row.number} has line {row.line}, which does not come behind {previous}.",
            )
        previous = row.line


async def _commands(call: Call, rows: list[Row], source: str, after: int) -> list[Command]:
    commands: list[Command] = []
    previous = after
    slices = Slices()
    for row in rows:
        line = row.line or 0
        action = row.action or _refusal(row)
        commands.append(row_command(call, action, None, SourceLine(source, previous, line)))
        previous = line
        if slices.over:
            await slices.pause()
    return commands


def _refusal(row: Row) -> RefuseRow:
    no = row.refused
    return RefuseRow("validation_error", "") if no is None else RefuseRow(no.code, no.detail)
