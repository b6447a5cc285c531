"""What the description of the interface says of it as a whole."""

from typing import Final

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

**As it happens.** `GET /events` with `Accept: text/event-stream` is a stream of events, which ends when
its client leaves; `Last-Event-ID` goes on behind an event. `/ws` is a WebSocket: each event is a frame,
a JSON array of messages with `type` (`stockUpdated`, `lowStockAlert`, `menuChanged`, `orderChanged`,
`reservationChanged` or `stateChanged`), `sequence`, `at`, and the record after it. It takes `after`,
`type`, `storeId` and `sku`. Whoever comes back with the newest sequence as `after` hears each event once,
or one message of the type `reset`: load afresh. A `heartbeat` says where the listener stands.

**Waiting.** 429 and 503 carry `Retry-After` in whole seconds and `details.retryAfterMs`.

**Tenants.** `X-Tenant-ID`, if given, names the tenant; else the domain in `Host` does. `localhost`
and IP addresses are the tenant `default`. Port, case and a last dot of `Host` do not matter, and no
other header does. An unknown tenant is 404 `not_found`, one that is suspended 403
`tenant_suspended`, one that cannot be opened 503 `tenant_unavailable`, whatever is asked of it.

**Signing in.** With `AUTH_MODE=off` nobody is asked who they are, and the service can be reached from
its own machine only. With `AUTH_MODE=jwt` a request carries `Authorization: Bearer …`, and every route
has those roles that may use it; no valid token is 401 `unauthorized`, one that may not do this 403
`forbidden`. The token says which tenant is meant: another `X-Tenant-ID`, or another tenant's domain
in `Host`, is 403; only an operator chooses. The caller is the `userId` of what it reserves, and
naming another is 403.

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
