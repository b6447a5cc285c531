"""What the description of the interface says of the headers of answers."""

from typing import Any, Final

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
