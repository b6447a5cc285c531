"""What the description of the interface says in words."""

from typing import Any, Final

from holdfast.domain.values import ID_REGEX
from holdfast.http.problems import KINDS, TYPE_PREFIX

SUMMARY: Final = "Stock that a retail chain can trust."

DESCRIPTION: Final = """\
For stores that receive, sell, count, transfer and reserve goods, and for kitchens that make dishes of
them. When a write is answered with 2xx,
its event is on disk.

**Addresses.** `/api/v1` is canonical. For older clients, every route can also be
reached below `/api` and at the root, and what is below `/stores/…` also below `/inventory/stores/…`.
`GET /`, like `GET /api` and `GET /api/v1`, goes to `/docs`.

**JSON.** Answers are camelCase; input may be snake_case too, but never both for one field. Unknown
fields and unknown query parameters are refused. Answers give times in UTC, as ISO 8601 down to the
millisecond; input may have any zone. Quantities are integers within ±(2^53 - 1), written without a
fraction or an exponent. An id has the form
`[A-Za-z0-9][A-Za-z0-9_.-]{0,63}`. A body has at most 1 MiB (16 MiB for `/batch`) and 32 levels, no
NaN, no key twice, no lone surrogate, is complete within 30 seconds (else 408
`request_timeout`), and is not compressed. The head in front of it, address and headers, has at most
32 KiB and 100 headers (else 431 `head_too_large`) and is complete within 10 seconds. What is no
HTTP/1.1 is 400. After each of these the connection is closed; requests that were complete before
are answered first.

**Problems** are RFC 9457 `application/problem+json`; `code` is what programs act on, and `detail`
is a sentence for the person at the screen. `details.errors[].pointer` is a JSON pointer into the
body; what is wrong in the address, the query or a header is named `#/path/…`, `#/query/…` or
`#/headers/…`. An unknown address is 404 `not_found`, a wrong method 405 `method_not_allowed` with
`Allow`.

**Versions.** A stock record, a reservation, an item, a location, a dish, an order and an alert have a `version` (1, 2, 3 …) and an `ETag` of it.
A write may say which one it is meant for, as `If-Match` (`"3"`, `W/"3"`, a bare `3`, or `*`: it must
exist) or as `expectedVersion` (0: it must not exist yet), but not two that differ. A write to several
records takes no `If-Match`; for a transfer there are `fromVersion` and `toVersion`. A read with the
present version in `If-None-Match` is 304. A replaced version is 409
`version_conflict` with the current one as `ETag` and `details.currentVersion`.

**Repeating.** Every write takes an `Idempotency-Key`. The same key with the same request gives the
first answer again, with `Idempotent-Replayed: true`; with another request it is 409
`idempotency_mismatch`. What was refused leaves no key behind. A repetition that
names no store means the store of the first request, however many there are by now.

**Lists** come in pages of `limit` (100 unless given, up to 1000), and `cursor` says where to go on:
`nextCursor` of a page is the `cursor` of the next; null ends the list.

**The past.** Reads of stock take `asOf`, the sequence of an event or a time, and answer as they
would have answered then, in the same form; `As-Of-Sequence` names the event. What lies ahead is 400,
what is no longer kept 410 `history_gone`. Such an answer never changes: its `ETag` is a hash of it, no
version to write at. Two are worked out at once and eight wait for up to two seconds; the next, and one
that takes more than ten seconds, is 503 `overloaded`.

**Waiting.** 429 and 503 carry `Retry-After` in whole seconds and `details.retryAfterMs`.

**Tenants.** `X-Tenant-ID`, if given, names the tenant; else the domain in `Host` does. `localhost`
and IP addresses are the tenant `default`. Port, case and a last dot of `Host` do not matter, and no
other header does. An unknown tenant is 404 `not_found`, one that is suspended 403
`tenant_suspended`, one that cannot be opened 503 `tenant_unavailable`, whatever is asked of it.

**The catalogue** says what SKUs are; stock may exist before its item. Until then an item's `name` is
its SKU, `price` and `imageUrl` are null, and it is never low on stock. A PUT replaces: what it leaves
out is cleared. What was deleted leaves its version behind, and goes on counting if it comes back.

**The menu** is worked out, never stored: a dish can be had when its switch is on and the store has
enough of every ingredient. Its `ETag` stands for all of that.

A reservation counts until exactly `expiresAt`; from then on its stock is available again.
"""

SERVERS: Final = [
    {"url": "/api/v1", "description": "Canonical."},
    {"url": "/api", "description": "For existing clients."},
    {"url": "/", "description": "For existing clients."},
]

TAGS: Final = {
    "Stock": "What is in the stores, and what changes it.",
    "Reservations": (
        "Holds on stock. Reserving moves a quantity from available to reserved, cancelling and "
        "expiry move it back; confirming takes it off both reserved and onHand."
    ),
    "Checkout": "The checkout frontend's routes, which answer in the form that it expects.",
    "Menu": "Dishes and their recipes, and what guests can have of them now.",
    "Orders": (
        "What guests order. An order holds its ingredients by a reservation of the same id, and is "
        "confirmed, cancelled or expired with it."
    ),
    "Catalogue": "What SKUs and stores are, for people.",
    "Alerts": "Low stock that somebody should look after.",
    "History": "What happened.",
    "Batch": "Many writes in one request, and bulk loads that may be repeated.",
    "Storefront": "What the pages of a shop ask for.",
    "Tenants": "Who is served here: for whoever runs the service.",
    "Health": "How the service is. These routes know no tenant and no limits.",
    "Description": "This description.",
    "Drills": "Making the disk fail on purpose. Served with `FAULTS=on` only.",
}

PATH_PARAMS: Final = {
    "storeId": "The store.",
    "sku": "The stock keeping unit.",
    "reservationId": "The reservation.",
    "name": "The bulk load.",
    "dishId": "The dish.",
    "orderId": "The order.",
    "alertId": "The alert.",
    "tenantId": "The tenant.",
}

PATH_EXAMPLES: Final = {
    "storeId": "STORE001",
    "sku": "SKU123",
    "reservationId": "0198f6a2-7c1e-7b52-9c3a-5a1f0e8d4b21",
    "name": "opening-2026",
    "dishId": "margherita",
    "orderId": "0198f6a2-7c1e-7b52-9c3a-5a1f0e8d4b22",
    "alertId": "0198f6a2-7c1e-7b52-9c3a-5a1f0e8d4b23.0",
    "tenantId": "pizza",
}

BATCH_EXAMPLE: Final = (
    '{"op":"receive","storeId":"STORE001","sku":"SKU123","qty":24}\n'
    '{"op":"ship","storeId":"STORE001","sku":"SKU123","qty":2,"reason":"till 4"}\n'
)

HEADERS: Final[dict[str, Any]] = {
    "X-Request-ID": {
        "description": "The request's id: the client's, when it sent a sane one.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "The record's version, quoted; with `asOf`, a hash of what is said.",
        "schema": {"type": "string", "examples": ['"3"']},
    },
    "As-Of-Sequence": {
        "description": "Present with `asOf`: the event behind which it was so.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Idempotent-Replayed": {
        "description": "Present when this is the answer to an earlier request of the same key.",
        "schema": {"type": "string", "const": "true"},
    },
    "RateLimit": {
        "description": "Tokens that are left to the client, and in how many seconds one comes.",
        "schema": {"type": "string", "examples": ['"client";r=0;t=1']},
    },
    "RateLimit-Policy": {
        "description": "Requests that a client may send at once, and the seconds that refill them.",
        "schema": {"type": "string", "examples": ['"client";q=200;w=2']},
    },
    "Retry-After": {
        "description": "Whole seconds after which to ask again.",
        "schema": {"type": "integer", "minimum": 1},
    },
}

#: Versions of sixteen digits are taken too, up to 2^53 - 1; no record will live to see one.
_IF_MATCH: Final = r'^(\*|(W/)?"(0|[1-9][0-9]{0,14})"|0|[1-9][0-9]{0,14})$'

PARAMETERS: Final[dict[str, Any]] = {
    "TenantId": {
        "name": "X-Tenant-ID",
        "in": "header",
        "description": "The tenant; else the domain in `Host` says it.",
        "schema": {"type": "string", "pattern": f"^{ID_REGEX}$"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes it safe to send the request again. Visible ASCII characters.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": 'The version to write at: `3`, `"3"`, `W/"3"`, or `*` for any.',
        "schema": {"type": "string", "pattern": _IF_MATCH},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of the copy at hand; 304 when it is still good.",
        "schema": {"type": "string"},
    },
    "RequestId": {
        "name": "X-Request-ID",
        "in": "header",
        "description": (
            "An id for the request: 1 to 128 visible ASCII characters. "
            "Any other is not used, and the answer names a new one."
        ),
        "schema": {"type": "string"},
    },
}

CODES: Final = {
    "validation_error": "Malformed or out of range; `details.errors` names every place.",
    "unauthorized": "There is no valid token.",
    "forbidden": "The reservation is another user's, or the caller may not do this.",
    "tenant_suspended": "Whoever runs the service has suspended the tenant.",
    "not_found": "Unknown, or another tenant's.",
    "method_not_allowed": "`Allow` lists the methods.",
    "request_timeout": "Head or body took too long; send it again.",
    "version_conflict": "`details.currentVersion` is the version now; for a load `details.mark`.",
    "insufficient_stock": (
        "`details.shortages` names every short line; of an order, `details.items` every dish that "
        "cannot be had, with its reasons."
    ),
    "idempotency_mismatch": "Same key, other payload or route.",
    "reservation_not_active": "It was confirmed or cancelled.",
    "batch_refused": "`details.errors` tells line, status, code and detail of each refused row.",
    "already_exists": "A unique thing is taken.",
    "in_use": "It still has stock, reservations or recipes.",
    "reservation_expired": "Its stock was released; reserve again.",
    "history_gone": "`after` is older than what is kept; `details.firstSequence` is the oldest event here.",
    "payload_too_large": "Over 1 MiB; over 16 MiB for a batch.",
    "unsupported_media_type": "`details.accepted` lists what is taken.",
    "rate_limited": "This client's token bucket is empty.",
    "head_too_large": "Over 32 KiB, or over 100 headers.",
    "internal_error": "Report the request id.",
    "overloaded": "All places and the queue are taken; nothing was done.",
    "read_only": "Nothing was written.",
    "lease_held": "Nothing was written.",
    "tenant_unavailable": "Its files are damaged, or it is being opened; `detail` says what to do.",
    "journal_unavailable": "Repeat the request with the same `Idempotency-Key` to learn.",
}

_DETAILS: Final[dict[str, dict[str, Any]]] = {
    "validation_error": {"errors": [{"pointer": "/qty", "detail": "qty must be at least 1."}]},
    "version_conflict": {"currentVersion": 4},
    "insufficient_stock": {
        "shortages": [
            {
                "storeId": "STORE001",
                "sku": "SKU123",
                "name": "SKU123",
                "requested": 3,
                "available": 1,
                "nextReleaseAt": "2026-11-20T08:46:55.123Z",
            }
        ]
    },
    "batch_refused": {
        "errors": [
            {
                "line": 2,
                "status": 404,
                "code": "not_found",
                "detail": "STORE001 has no stock record of SKU9; receive or count it first.",
                "details": {"storeId": "STORE001", "skus": ["SKU9"]},
            }
        ]
    },
}


def problem_example(code: str) -> dict[str, Any]:
    """An example of the problem of this code."""
    kind = KINDS[code]
    waits = {"retryAfterMs": 300} if kind.status in {429, 503} else {}
    details = _DETAILS.get(code, waits)
    errors = details.get("errors", [{}])
    detail = errors[0].get("detail", f"{kind.title}.") if code == "validation_error" else ""
    return {
        "type": TYPE_PREFIX + code,
        "title": kind.title,
        "status": kind.status,
        "detail": detail or f"{kind.title}.",
        "code": code,
        "details": details,
        "requestId": "0198f6a2-7c1e-7b52-9c3a-5a1f0e8d4b21",
        "success": False,
        "message": detail or f"{kind.title}.",
    }
