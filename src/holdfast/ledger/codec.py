"""Events as the bytes of the journal: one compact JSON object without a line break."""

import orjson

from holdfast.domain.events import Event, event_from_json, event_json


def encode_event(event: Event) -> bytes:
    """Write an event as JSON (UTF-8)."""
    return orjson.dumps(event_json(event))


def decode_event(json: bytes) -> Event:
    """Read what `encode_event` wrote.

    Raises:
        UnknownEvent: a newer release wrote it.
    """
    return event_from_json(orjson.loads(json))
