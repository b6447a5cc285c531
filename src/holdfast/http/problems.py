"""How a no is said: one table from codes to statuses, one form for all (RFC 9457).

Existing clients look for `success` and `message`, so every problem carries these too.
"""

import math
from typing import Any, Final, NamedTuple

import orjson

from holdfast.domain.rejections import Rejected
from holdfast.http.answer import Answer, Header, etag
from holdfast.ledger.port import Unavailable
from holdfast.resilience.admission import Overloaded, RateLimited

PROBLEM_JSON: Final = b"application/problem+json"
TYPE_PREFIX: Final = "urn:holdfast:problem:"


class Kind(NamedTuple):
    """What a code stands for."""

    status: int
    title: str


KINDS: Final[dict[str, Kind]] = {
    "validation_error": Kind(400, "The request is not well formed"),
    "unauthorized": Kind(401, "Sign in first"),
    "forbidden": Kind(403, "Not allowed"),
    "tenant_suspended": Kind(403, "The tenant is suspended"),
    "not_found": Kind(404, "Not found"),
    "method_not_allowed": Kind(405, "This address does not take that method"),
    "request_timeout": Kind(408, "The request did not arrive in time"),
    "version_conflict": Kind(409, "It has changed since you read it"),
    "insufficient_stock": Kind(409, "Not enough stock"),
    "idempotency_mismatch": Kind(409, "The Idempotency-Key belongs to another request"),
    "reservation_not_active": Kind(409, "The reservation has ended"),
    "batch_refused": Kind(409, "The batch was refused as a whole"),
    "already_exists": Kind(409, "It exists already"),
    "in_use": Kind(409, "It is still in use"),
    "reservation_expired": Kind(410, "The reservation has expired"),
    "history_gone": Kind(410, "That far back nothing is kept"),
    "payload_too_large": Kind(413, "The body is too large"),
    "unsupported_media_type": Kind(415, "The body has the wrong content type"),
    "rate_limited": Kind(429, "Too many requests"),
    "head_too_large": Kind(431, "The head of the request is too large"),
    "internal_error": Kind(500, "Something went wrong here"),
    "overloaded": Kind(503, "The service is busy"),
    "read_only": Kind(503, "Nothing can be written now"),
    "lease_held": Kind(503, "Another process is changing this now"),
    "tenant_unavailable": Kind(503, "The tenant cannot be served now"),
    "journal_unavailable": Kind(503, "The outcome of the write is not known"),
}

INTERNAL_DETAIL: Final = (
    "Something went wrong on our side. If it happens again, report the request id."
)


def say_with_status(code: str, status: int) -> None:
    """Answer with another status from now on where this is said, in the whole process."""
    KINDS[code] = KINDS[code]._replace(status=status)


class RejectedWith(Rejected):
    """A rejection whose problem carries more members, or headers, than its code asks for."""

    def __init__(
        self,
        code: str,
        detail: str,
        data: dict[str, Any] | None = None,
        members: dict[str, Any] | None = None,
        headers: tuple[Header, ...] = (),
    ) -> None:
        super().__init__(code, detail, data)
        self.members = members or {}
        self.headers = headers


def retry_after(retry_after_ms: int) -> Header:
    """The `Retry-After` header: whole seconds, rounded up, at least one."""
    return (b"retry-after", b"%d" % max(1, math.ceil(retry_after_ms / 1000)))


def problem(error: Exception, request_id: str) -> Answer:
    """Turn what was raised while answering into a problem."""
    if isinstance(error, Rejected):
        return _rejected(error, request_id)
    if isinstance(error, Unavailable):
        return _later(known(error.code), error.detail, error.retry_after_ms, request_id)
    if isinstance(error, RateLimited):
        return _rate_limited(error, request_id)
    if isinstance(error, Overloaded):
        return _later("overloaded", str(error), error.retry_after_ms, request_id)
    return _answer("internal_error", INTERNAL_DETAIL, {}, request_id)


def is_expected(error: Exception) -> bool:
    """Tell an answer that the business or the edge expects from a bug."""
    return isinstance(error, Rejected | Unavailable | RateLimited | Overloaded)


def code_of(error: Rejected | Unavailable) -> tuple[int, str]:
    """The status and the code with which this is said."""
    code = known(error.code)
    return KINDS[code].status, code


def known(code: str) -> str:
    """The code itself, unless it is none that clients were told of."""
    return code if code in KINDS else "internal_error"


def _rejected(error: Rejected, request_id: str) -> Answer:
    headers: tuple[Header, ...] = ()
    current = error.data.get("currentVersion")
    if current:
        headers = (etag(current),)
    members: dict[str, Any] = {}
    if isinstance(error, RejectedWith):
        members = error.members
        headers = (*headers, *error.headers)
    return _answer(
        code_of(error)[1], error.detail, error.data, request_id, members=members, headers=headers
    )


def _later(
    code: str,
    detail: str,
    retry_after_ms: int,
    request_id: str,
    headers: tuple[Header, ...] = (),
) -> Answer:
    details = {"retryAfterMs": retry_after_ms}
    headers = (retry_after(retry_after_ms), *headers)
    return _answer(code, detail, details, request_id, headers=headers)


def _rate_limited(error: RateLimited, request_id: str) -> Answer:
    """Say how large the bucket is, and when a token is in it (draft-ietf-httpapi-ratelimit-headers)."""
    after_s = math.ceil(error.retry_after_ms / 1000)
    headers = (
        (b"ratelimit-policy", b'"client";q=%d;w=%d' % (error.burst, error.window_s)),
        (b"ratelimit", b'"client";r=0;t=%d' % after_s),
    )
    return _later("rate_limited", str(error), error.retry_after_ms, request_id, headers)


def _answer(
    code: str,
    detail: str,
    details: dict[str, Any],
    request_id: str,
    *,
    members: dict[str, Any] | None = None,
    headers: tuple[Header, ...] = (),
) -> Answer:
    kind = KINDS[code]
    body = {
        "type": TYPE_PREFIX + code,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "code": code,
        "details": details,
        "requestId": request_id,
        "success": False,
        "message": detail,
        **(members or {}),
    }
    return Answer(kind.status, orjson.dumps(body), PROBLEM_JSON, headers)
