"""What a batch's Idempotency-Key stands for.

An atomic batch is one event and remembers the key itself. In any other batch each row that is
done remembers a key of its own, made of the request's key and the row's number; its fingerprint
covers the whole batch, so the rows of a changed batch are recognised as another request.
"""

from hashlib import blake2b
from typing import Final

from holdfast.domain.commands import Idempotency
from holdfast.domain.rejections import idempotency_mismatch
from holdfast.http.batch.rows import Row
from holdfast.http.call import Call
from holdfast.http.slices import Slices

_KEY_CHARS_MAX: Final = 255


def row_key(header_key: str, number: int) -> str:
    """Return the key that the request's key gives this row."""
    derived = f"{header_key}:{number}"
    if len(derived) <= _KEY_CHARS_MAX:
        return derived
    return f"{blake2b(header_key.encode(), digest_size=32).hexdigest()}:{number}"


async def digest(rows: list[Row]) -> bytes:
    """Return what tells a batch from one with other rows, however their names are spelled."""
    told = blake2b(digest_size=16)
    slices = Slices()
    for row in rows:
        told.update(b"%b\n%b\n" % ((row.key or "").encode(), row.asked))
        if slices.over:
            await slices.pause()
    return told.digest()


async def refuse_other_rows(call: Call, header_key: str, derived: list[Idempotency]) -> None:
    """Refuse a key that stands for something else than the rows of this batch.

    Raises:
        Rejected: it does.
    """
    reading = await call.ledger.read()
    if call.remembered(reading, header_key) is not None:
        raise idempotency_mismatch(header_key)
    for wanted in derived:
        known = call.remembered(reading, wanted.key)
        if known is not None and known.fingerprint != wanted.fingerprint:
            raise idempotency_mismatch(header_key)


async def refuse_rows(call: Call, header_key: str, count: int) -> None:
    """Refuse a key that stands for the rows of a batch that was not atomic.

    Raises:
        Rejected: it does.
    """
    reading = await call.ledger.read()
    for number in range(1, count + 1):
        if call.remembered(reading, row_key(header_key, number)) is not None:
            raise idempotency_mismatch(header_key)
