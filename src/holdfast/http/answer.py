"""What a handler gives back: a status, bytes and headers, ready to be sent."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

#: One header as ASGI wants it.
Header = tuple[bytes, bytes]

JSON: Final = b"application/json"
NDJSON: Final = b"application/x-ndjson"
#: Every page is read as what it says it is, shown in no frame, and tells no other site of itself.
_OF_PAGES: Final[tuple[Header, ...]] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_CLOSE: Final = (b"connection", b"close")
#: Statuses whose answers never have a body, so that no length has to be told.
_WITHOUT_BODY: Final = frozenset({204, 304})


class Answer:
    """One answer. `replayed` marks the repetition of an earlier one."""

    __slots__ = ("body", "content_type", "headers", "replayed", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        content_type: bytes | None = JSON,
        headers: Sequence[Header] = (),
        replayed: bool = False,
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers
        self.replayed = replayed

    def all_headers(self, request_id: str) -> list[Header]:
        """The headers, with those that every answer has."""
        headers: list[Header] = [(b"x-request-id", request_id.encode("ascii")), *self.headers]
        if self.content_type is not None:
            headers.append((b"content-type", self.content_type))
            headers.append((b"content-length", b"%d" % len(self.body)))
        if self.replayed:
            headers.append((b"idempotent-replayed", b"true"))
        return headers

    @property
    def is_plain(self) -> bool:
        """Whether its end is known and the connection goes on behind it."""
        ends = self.content_type is not None or self.status in _WITHOUT_BODY
        return ends and _CLOSE not in self.headers


def json_answer(
    value: Any,  # noqa: ANN401 - whatever JSON can hold
    status: int = 200,
    headers: Sequence[Header] = (),
    replayed: bool = False,
) -> Answer:
    """Answer with a value as JSON."""
    return Answer(status, orjson.dumps(value), JSON, headers, replayed)


def html_answer(page: bytes, policy: bytes) -> Answer:
    """Answer with a page, and with what a browser may do with it.

    Args:
        page: the page, in UTF-8.
        policy: its Content-Security-Policy, which has to name all that the page loads.
    """
    headers = ((b"content-security-policy", policy), *_OF_PAGES)
    return Answer(200, page, b"text/html; charset=utf-8", headers)


def etag(version: int) -> Header:
    """The `ETag` header of a record's version."""
    return (b"etag", b'"%d"' % version)
