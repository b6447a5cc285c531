"""`?asOf=`: the same question about the past, and its answer.

An answer about the past never changes, so its `ETag` is a hash of what it says. It is no version:
nobody can write to the past.
"""

from hashlib import blake2b
from typing import Any, Final

import orjson

from holdfast.domain.rejections import invalid
from holdfast.domain.values import INSTANT_MAX_MS, QUANTITY_MAX
from holdfast.http.answer import Answer
from holdfast.http.call import Call
from holdfast.http.endpoint import Reply
from holdfast.http.headers import none_match
from holdfast.http.query import Param
from holdfast.http.schemas.base import instant_ms_of
from holdfast.ledger.past_values import AsOf, Scope
from holdfast.ledger.port import Reading

#: The codes with which the past may be refused, besides those of every endpoint.
AS_OF_PROBLEMS: Final = ("history_gone", "read_only", "journal_unavailable")
PAST_KNOWN: Final = Reply("With `asOf`: the caller has it, by its `If-None-Match`.", etag=True)
SEQUENCE_HEADER: Final = "As-Of-Sequence"
_SEQUENCE_CHARS_MAX: Final = 16


def _read_as_of(name: str, text: str) -> AsOf:
    if text.isascii() and text.isdecimal() and len(text) <= _SEQUENCE_CHARS_MAX:
        sequence = int(text)
        if sequence <= QUANTITY_MAX:
            return AsOf(sequence=sequence)
    at = instant_ms_of(text)
    if at is None or not 0 <= at <= INSTANT_MAX_MS:
        raise invalid(
            f"#/query/{name}",
            f"{name} must be the sequence of an event, or a time with its zone, such as "
            "2026-11-20T08:41:55.123Z (a + is sent as %2B).",
        )
    return AsOf(at=at)


AS_OF: Final = Param(
    "asOf",
    _read_as_of,
    {
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": QUANTITY_MAX},
            {"type": "string", "format": "date-time"},
        ]
    },
    "The answer as it was behind this event, or at this time. What was due at that time counts as "
    "done.",
)


async def reading_of(call: Call, scope: Scope) -> Reading:
    """Return the records of a scope, as they are or as they were."""
    as_of: AsOf | None = call.query["asOf"]
    return await (call.ledger.read() if as_of is None else call.ledger.past.read(as_of, scope))


def list_answer(call: Call, reading: Reading, value: Any) -> Answer:  # noqa: ANN401 - whatever JSON can hold
    """Answer with what has no version."""
    if call.query["asOf"] is not None:
        return past_answer(call, reading.sequence, value)
    return Answer(200, orjson.dumps(value))


def record_answer(call: Call, reading: Reading, version: int, value: object) -> Answer:
    """Answer with a record; while it is the present one, with its version as `ETag`."""
    if call.query["asOf"] is not None:
        return past_answer(call, reading.sequence, value)
    return call.unless_known(reading, version, value)


def past_answer(call: Call, sequence: int, value: Any) -> Answer:  # noqa: ANN401 - whatever JSON can hold
    """Answer with what was behind an event, or 304 when the caller has it."""
    body = orjson.dumps(value)
    tag = b'"%b"' % blake2b(body, digest_size=16).hexdigest().encode("ascii")
    headers = ((b"etag", tag), (SEQUENCE_HEADER.lower().encode("ascii"), b"%d" % sequence))
    if none_match(call.headers, tag):
        return Answer(304, b"", None, headers)
    return Answer(200, body, headers=headers)
