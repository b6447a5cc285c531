"""Frames: one event, one line. The package's docstring has the format."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple
from zlib import crc32

CHAIN_BYTES: Final = 16


class Cursor(NamedTuple):
    """A position in the log: the last sequence taken, and the chain there."""

    sequence: int
    chain: bytes


class Frame(NamedTuple):
    """One event as the journal holds it. `batch` is the sequence that its batch began with."""

    sequence: int
    batch: int
    chain: bytes
    json: bytes

    @property
    def line_bytes(self) -> int:
        """How long its line is, the newline included."""
        numbers = len(str(self.sequence)) + len(str(self.batch))
        return 8 + numbers + 2 * CHAIN_BYTES + len(self.json) + 5


START: Final = Cursor(0, bytes(CHAIN_BYTES))


def link(chain: bytes, json: bytes) -> bytes:
    """The chain after an event, made of the chain before it."""
    return blake2b(chain + json, digest_size=CHAIN_BYTES).digest()


def checksummed(body: bytes) -> bytes:
    """A line: the checksum of the body, the body, a newline."""
    return b"%08x %b\n" % (crc32(body), body)


def body_of(line: bytes) -> bytes | None:
    """The body of a line given without its newline; None when the checksum denies it."""
    body = line[9:]
    return body if line[:9] == b"%08x " % crc32(body) else None


def encode_batch(after: Cursor, events: Sequence[bytes]) -> tuple[bytes, Cursor]:
    """The lines of one batch that follows `after`, and the cursor behind them."""
    lines: list[bytes] = []
    batch = after.sequence + 1
    chain = after.chain
    for sequence, json in enumerate(events, batch):
        chain = blake2b(chain + json, digest_size=CHAIN_BYTES).digest()
        body = b"%d %d %b %b" % (sequence, batch, chain.hex().encode(), json)
        lines.append(b"%08x %b\n" % (crc32(body), body))
    return b"".join(lines), Cursor(after.sequence + len(events), chain)


def seal_line(cursor: Cursor) -> bytes:
    """The last line of a journal that was shut down cleanly."""
    return checksummed(b"sealed %d %b" % (cursor.sequence, cursor.chain.hex().encode()))


def decode_line(line: bytes) -> Frame | None:
    """A line, given without its newline, by itself; None when it is no frame.

    Proves the checksum and the shape, not the chain: that takes the line before.
    """
    body = body_of(line)
    fields = [] if body is None else body.split(b" ", 3)
    if len(fields) != 4:
        return None
    sequence, batch, chain, json = fields
    try:
        return Frame(int(sequence), int(batch), bytes.fromhex(chain.decode()), json)
    except ValueError:
        return None
