"""The loop over a segment's lines. Start-up time is spent here, so it is written flat."""

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

from holdfast.journal.frame import CHAIN_BYTES, Cursor, Frame


class Walk(NamedTuple):
    """How far the lines are good, and why no further (None: to the end of the data).

    `batch_start` and `before_batch` tell where the newest batch begins; without any line they
    are where the walk began.
    """

    stop: int
    cursor: Cursor
    batch_start: int
    before_batch: Cursor
    problem: str | None


def walk(  # noqa: C901 - one flat loop: a call per line would cost a third of a start
    data: bytes,
    start: int,
    before: Cursor,
    *,
    apply: Callable[[Frame], None],
    apply_after: int,
    chains: dict[int, bytes | None],
    batch: int = 0,
) -> Walk:
    """Verify line after line; call `apply` for each event later than `apply_after`.

    `batch` is that of the line in front, when the walk begins in the middle of a segment. Fills
    in the chain at every sequence that is a key of `chains`.
    """
    sequence, chain = before
    position = batch_start = start
    before_batch = before
    batch_text = b"%d" % batch if batch else b""
    problem: str | None = None
    while position < len(data):
        end = data.find(b"\n", position)
        if end < 0:
            problem = "a line without an end"
            break
        body = data[position + 9 : end]
        if data[position : position + 9] != b"%08x " % crc32(body):
            problem = "a checksum that does not hold"
            break
        fields = body.split(b" ", 3)
        if len(fields) != 4:
            problem = "a line that is no event"
            break
        sequence_text, batch_of_line, chain_text, json = fields
        if sequence_text != b"%d" % (sequence + 1):
            problem = f"the event after {sequence} is missing"
            break
        chain_here = blake2b(chain + json, digest_size=CHAIN_BYTES).digest()
        if chain_text != chain_here.hex().encode():
            problem = f"the chain is broken at event {sequence + 1}"
            break
        if batch_of_line != batch_text:
            if batch_of_line != sequence_text:
                problem = f"the batch of event {sequence + 1} did not begin"
                break
            batch_start, before_batch = position, Cursor(sequence, chain)
            batch, batch_text = sequence + 1, batch_of_line
        sequence, chain = sequence + 1, chain_here
        position = end + 1
        if sequence in chains:
            chains[sequence] = chain
        if sequence > apply_after:
            apply(Frame(sequence, batch, chain, json))
    return Walk(position, Cursor(sequence, chain), batch_start, before_batch, problem)
