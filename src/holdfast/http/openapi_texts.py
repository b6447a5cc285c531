"""What the description of the interface says in words."""

from typing import Any, Final

from holdfast.domain.values import ID_REGEX
from holdfast.http.problems import KINDS, TYPE_PREFIX

#: With `AUTH_MODE=jwt`.
SECURITY_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "What `POST /auth/login` answers. Not asked for with `AUTH_MODE=off`.",
    },
    "orderToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Order-Token",
        "description": "What a guest got as `orderToken`; it opens that order and nothing else.",
    },
}

TAGS: Final = {
    "Stock": "What is in the stores, and what changes it.",
    "Users": (
        "Signing in and out, and who is there. These exist only with `AUTH_MODE=jwt`; without it "
        "they are 404."
    ),
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
    "username": "The user.",
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
    "username": "ada",
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
    "unauthorized": "There is no valid token; why is not told.",
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
