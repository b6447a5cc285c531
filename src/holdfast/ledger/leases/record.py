"""What a lease's file says, byte by byte.

The file has 320 bytes. The first 256 are one checksummed line, filled up with LF:

    checksum SP holdfast-lease SP 1 SP token SP owner SP state SP %020d deadline
    SP %08d ordinal SP %020d offset LF

`checksum` is the CRC-32 of all behind it. `token` is the fencing token: it rises by one whenever
the lease is taken, and the file stays when it is given back, so this is the tenant's one counter.
`state` is `held`, `free` (given back in good order, with the journal durable up to `offset` of
segment `ordinal`), or `broken` (given back after a failure). `deadline` is in nanoseconds of the
machine's monotonic clock. The last 64 bytes are 20 digits, filled up with LF: when somebody last
wished to have the lease. They are a hint that anybody writes at any time.
"""

from typing import Final, Literal, NamedTuple
from zlib import crc32

from holdfast.journal import TurnEnd

RECORD_BYTES: Final = 256
WISH_BYTES: Final = 64
_MAGIC: Final = "holdfast-lease 1"

LeaseState = Literal["held", "free", "broken"]
_STATES: Final[dict[str, LeaseState]] = {"held": "held", "free": "free", "broken": "broken"}


class LeaseRecord(NamedTuple):
    """Who has the lease, or where the last one who had it stopped."""

    token: int
    owner_id: str
    state: LeaseState
    deadline_ns: int
    end: TurnEnd


def encode_record(record: LeaseRecord) -> bytes:
    """The record as it stands in the file."""
    token, owner_id, state, deadline_ns, (ordinal, offset) = record
    body = f"{_MAGIC} {token} {owner_id} {state} {deadline_ns:020d} {ordinal:08d} {offset:020d}"
    line = f"{crc32(body.encode()):08x} {body}\n"
    return line.encode().ljust(RECORD_BYTES, b"\n")


def decode_record(content: bytes) -> LeaseRecord | None:
    """The record; None where it is missing, half written or damaged."""
    try:
        fields = content.partition(b"\n")[0].decode("ascii").split(" ")
        _, _, _, token, owner_id, state, deadline_ns, ordinal, offset = fields
        end = TurnEnd(int(ordinal), int(offset))
        record = LeaseRecord(int(token), owner_id, _STATES[state], int(deadline_ns), end)
    except (ValueError, KeyError):
        return None
    return record if encode_record(record) == content else None


def encode_wish(now_ns: int) -> bytes:
    """The hint that somebody wishes to have the lease."""
    return f"{now_ns:020d}".encode().ljust(WISH_BYTES, b"\n")


def decode_wish(content: bytes) -> int:
    """When somebody last wished to have it; 0 where nobody did, or it cannot be read."""
    digits = content.strip()
    return int(digits) if digits.isdigit() else 0
