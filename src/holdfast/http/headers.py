"""Request headers that carry meaning: request id, preconditions, idempotency key, media types."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from uuid_utils import uuid7

from holdfast.domain.commands import ANY_VERSION
from holdfast.domain.rejections import Rejected
from holdfast.domain.values import QUANTITY_MAX, is_id

#: How an id is made, as the end of a sentence.
ID_RULE: Final = "must be 1 to 64 letters, digits, dots, hyphens or underscores, and begin with a letter or digit."

#: Header names and values as ASGI gives them.
Headers = dict[bytes, bytes]

_SANE_REQUEST_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_IDEMPOTENCY_KEY: Final = re.compile(rb"[\x21-\x7e]{1,255}")
_VERSION: Final = re.compile(rb'(?:W/)?"(0|[1-9][0-9]{0,15})"|(0|[1-9][0-9]{0,15})')
_ETAG_LIST: Final = re.compile(rb'\s*(?:W/)?("[\x21\x23-\x7e]*")\s*(?:,|$)')


def refused_header(name: str, detail: str) -> Rejected:
    """Refuse a header; the pointer names it."""
    error = {"pointer": f"#/headers/{name}", "detail": detail}
    return Rejected("validation_error", detail, {"errors": [error]})


#: Headers that mean one thing: given twice, it is not clear which one counts.
_SINGLE: Final = frozenset(
    {
        b"authorization",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"if-match",
        b"x-order-token",
        b"x-tenant-id",
    }
)


def demand_single(given: Iterable[tuple[bytes, bytes]]) -> None:
    """Refuse a header that may be given only once, and is given again.

    Raises:
        Rejected: it names the header.
    """
    seen: set[bytes] = set()
    for name, _ in given:
        if name in _SINGLE and name in seen:
            text = name.decode("ascii")
            raise refused_header(text, f"The header {text} is given twice; it may be given once.")
        seen.add(name)


def request_id_of(headers: Headers) -> str:
    """The id that the client gave its request; a new one where that is missing or not sane."""
    given = headers.get(b"x-request-id")
    if given is not None and _SANE_REQUEST_ID.fullmatch(given):
        return given.decode("ascii")
    return str(uuid7())


def tenant_and_host(headers: Headers) -> tuple[str | None, str | None]:
    """The tenant that the caller names, and the host that it asked.

    Raises:
        Rejected: the tenant is no id.
    """
    tenant, host = headers.get(b"x-tenant-id"), headers.get(b"host")
    host_text = None if host is None else host.decode("latin-1")
    if tenant is None:
        return None, host_text
    text = tenant.decode("latin-1")
    if not is_id(text):
        raise refused_header("X-Tenant-ID", f"X-Tenant-ID {ID_RULE}")
    return text, host_text


def idempotency_key(headers: Headers) -> str | None:
    """The caller's key for this request.

    Raises:
        Rejected: it is empty, too long or not made of visible ASCII characters.
    """
    given = headers.get(b"idempotency-key")
    if given is None:
        return None
    if _IDEMPOTENCY_KEY.fullmatch(given) is None:
        raise refused_header(
            "Idempotency-Key", "The Idempotency-Key must be 1 to 255 visible ASCII characters."
        )
    return given.decode("ascii")


def if_match(headers: Headers) -> int | None:
    """The version that the caller expects, `ANY_VERSION` for `*`.

    Raises:
        Rejected: the header is none of `3`, `"3"`, `W/"3"` and `*`.
    """
    given = headers.get(b"if-match")
    if given is None:
        return None
    if given == b"*":
        return ANY_VERSION
    found = _VERSION.fullmatch(given)
    version = -1 if found is None else int(found[1] or found[2])
    if not 0 <= version <= QUANTITY_MAX:
        raise refused_header(
            "If-Match", 'If-Match must be one version, such as "3" (with or without quotes), or *.'
        )
    return version


def none_match(headers: Headers, etag: bytes) -> bool:
    """Whether the caller's copy is still good: its `If-None-Match` names this tag (RFC 9110)."""
    given = headers.get(b"if-none-match")
    if given is None:
        return False
    if given == etag or given.strip() in {b"*", etag.strip(b'"')}:
        return True
    return any(found[1] == etag for found in _ETAG_LIST.finditer(given))


@lru_cache(maxsize=256)
def media_type(content_type: bytes) -> str | None:
    """The media type without parameters; None for a charset other than UTF-8."""
    kind, *parameters = content_type.decode("latin-1").lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in {"utf-8", "us-ascii"}:
            return None
    return kind.strip()


def is_json(content_type: bytes) -> bool:
    """Whether a body of this type is one JSON value."""
    kind = media_type(content_type)
    if kind is None:
        return False
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )
