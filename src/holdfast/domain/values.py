"""Scalar values that the whole business shares: identifiers, quantities and instants.

Instants are integers, milliseconds since 1970-01-01T00:00:00Z, everywhere in Python; the journal
and the HTTP interface write them as ISO 8601 text. A quantity is an integer in base units.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

ID_REGEX = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
ID_PATTERN = re.compile(ID_REGEX)

#: The largest quantity: every integer up to here survives a reader that uses IEEE doubles.
QUANTITY_MAX = 2**53 - 1

#: The last instant that ISO text with a four-digit year can name.
INSTANT_MAX_MS = 253_402_300_799_999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def is_id(text: str) -> bool:
    """Tell whether `text` may name a tenant, a store, a SKU or a menu item."""
    return ID_PATTERN.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _second_ms(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // _MS


@lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat()[:19]


@lru_cache(maxsize=1024)
def instant_text(instant_ms: int) -> str:
    """Write an instant as `2026-11-20T08:41:55.123Z`."""
    second, ms = divmod(instant_ms, 1000)
    return f"{_second_text(second)}.{ms:03d}Z"


@lru_cache(maxsize=4096)
def instant_ms(text: str) -> int:
    """Read an instant that `instant_text` wrote.

    Raises:
        ValueError: the text has another form; what users type is parsed at the edge instead.
    """
    if len(text) != 24 or text[19] != "." or text[23] != "Z":
        raise ValueError(f"not an instant: {text!r}")
    return _second_ms(text[:19]) + int(text[20:23])
