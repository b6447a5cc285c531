"""Which foreign pages may read our answers in a browser: those the operator lists, else none."""

from collections.abc import Iterable
from typing import Final

from holdfast.http.answer import Answer, Header
from holdfast.http.headers import Headers

_ALLOWED: Final[tuple[Header, ...]] = (
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        (
            b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
            b"Last-Event-ID, X-Order-Token, X-Request-ID, X-Tenant-ID"
        ),
    ),
    (b"access-control-max-age", b"600"),
)
_EXPOSED: Final = (
    b"access-control-expose-headers",
    b"ETag, Idempotent-Replayed, RateLimit, Retry-After, X-Request-ID",
)


class Cors:
    """The list of origins, such as `https://shop.example.com`. Cookies are never allowed."""

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self.is_open = bool(self._origins)

    def preflight(self, method: str, headers: Headers) -> Answer | None:
        """Answer a browser's question whether it may ask; None: it is none."""
        if method != "OPTIONS" or b"access-control-request-method" not in headers:
            return None
        return Answer(204, b"", None, (*self._origin(headers), *self._allowed(headers)))

    def opened(self, answer: Answer, headers: Headers) -> Answer:
        """Let the page that asked read the answer, if it is listed."""
        answer.headers = (*answer.headers, *self._origin(headers), _EXPOSED)
        return answer

    def _allowed(self, headers: Headers) -> tuple[Header, ...]:
        return _ALLOWED if headers.get(b"origin") in self._origins else ()

    def _origin(self, headers: Headers) -> tuple[Header, ...]:
        origin = headers.get(b"origin")
        vary = (b"vary", b"Origin")
        if origin is None or origin not in self._origins:
            return (vary,)
        return ((b"access-control-allow-origin", origin), vary)
