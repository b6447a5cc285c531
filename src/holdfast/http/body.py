"""Reading bodies: bounded in bytes, depth and time, and as strict as the contract says.

orjson refuses NaN, lone surrogates, bytes that are not UTF-8 and anything behind the value. What
it does not see is a key that is given twice, because the second simply wins. A walk over the
parsed value, which measures the depth anyway, counts the keys that are left; every key in the
text ends in a quote and a colon, so when no more of these are found than keys, none was lost.
Text may hold `":` inside a string too; only then does a slower parser decide.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, NoReturn

import orjson

from holdfast.domain.records import Json
from holdfast.domain.rejections import Rejected, invalid
from holdfast.http.deadlines import Deadlines
from holdfast.http.headers import Headers
from holdfast.http.problems import RejectedWith

BODY_BYTES_MAX: Final = 1024 * 1024
BATCH_BYTES_MAX: Final = 16 * 1024 * 1024
DEPTH_MAX: Final = 32
#: From the moment that somebody wants to read it, a body must be complete within this time,
#: whether or not any of it has come. Until then its request holds a connection, but no place
#: among those at work.
BODY_TIMEOUT_S: Final = 30.0
#: Of a body that is too large this much is thrown away, so that its sender hears the answer.
_DISCARDED_BYTES_MAX: Final = 16 * 1024 * 1024

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_CONTAINERS: Final = (dict, list)
_KEY_END: Final = re.compile(rb'"\s*:')


class ClientGone(Exception):
    """The client went away before its request was complete; nothing was decided."""


class BodyReader:
    """Reads the bodies of one application, all under the same time limit."""

    def __init__(self) -> None:
        self.deadlines = Deadlines(BODY_TIMEOUT_S)

    async def read(self, receive: Receive, headers: Headers, bytes_max: int) -> bytes:
        """Read a whole body.

        Raises:
            Rejected: it is too large or too slow.
            ClientGone: it will never be complete.
        """
        task = self.deadlines.begin()
        try:
            chunk, more = _chunk(await receive())
            if not more and len(chunk) <= bytes_max:
                return chunk
            declared = headers.get(b"content-length")
            if declared is not None and int(declared) > bytes_max:
                await _refuse_too_large(receive, bytes_max, len(chunk), more)
            return await _receive_rest(receive, bytes_max, chunk, more)
        except asyncio.CancelledError:
            if self.deadlines.is_overdue(task) and not task.uncancel():
                raise _too_slow() from None
            raise
        finally:
            self.deadlines.end(task)


def _too_slow() -> Rejected:
    """Give the request up, and its connection: what comes on it now is the rest of this body."""
    detail = f"The body did not arrive within {BODY_TIMEOUT_S:.0f} seconds."
    return RejectedWith("request_timeout", detail, headers=((b"connection", b"close"),))


async def _receive_rest(receive: Receive, bytes_max: int, chunk: bytes, more: bool) -> bytes:
    chunks = [chunk]
    size = len(chunk)
    while more and size <= bytes_max:
        chunk, more = _chunk(await receive())
        chunks.append(chunk)
        size += len(chunk)
    if size > bytes_max:
        chunks.clear()
        await _refuse_too_large(receive, bytes_max, size, more)
    return b"".join(chunks)


def _chunk(message: MutableMapping[str, Any]) -> tuple[bytes, bool]:
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


async def _refuse_too_large(receive: Receive, bytes_max: int, seen: int, more: bool) -> NoReturn:
    while more and seen < bytes_max + _DISCARDED_BYTES_MAX:
        chunk, more = _chunk(await receive())
        seen += len(chunk)
    raise Rejected(
        "payload_too_large",
        f"The body is larger than {bytes_max // (1024 * 1024)} MiB. Send it in smaller parts.",
        {"bytesMax": bytes_max},
    )


async def is_gone(receive: Receive) -> bool:
    """Whether the client of a request whose body was read has gone; asked after a long wait."""
    asking = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    if asking.done():
        return bool(asking.result()["type"] == "http.disconnect")
    asking.cancel()
    return False


def parse_json(body: bytes, what: str = "The body") -> Json:
    """Parse one JSON value, strictly; `what` is how a refusal names it.

    Raises:
        Rejected: it is not JSON, too deep, or gives a key twice.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not body:
            raise invalid("", f"{what} is empty; send a JSON object.") from None
        where = f"line {error.lineno}, column {error.colno}"
        raise invalid("", f"{what} is not valid JSON: {_cause(error)} at {where}.") from None
    is_flat = body.count(b"{") == 1 and b"[" not in body
    if is_flat and type(value) is dict and len(value) == body.count(b":"):
        return value  # As nearly all are: one level, and every key is there.
    keys = _count_keys(value, 1, what)
    if keys != body.count(b":") and keys != len(_KEY_END.findall(body)):
        _refuse_duplicates(body, what)
    return value


def _cause(error: orjson.JSONDecodeError) -> str:
    return str(error.msg).partition(": line ")[0].rstrip(".")


def _count_keys(value: Json, depth: int, what: str) -> int:
    """Count the keys at all levels; a scalar has none and no depth."""
    members: Iterable[Json]
    if isinstance(value, dict):
        keys, members = len(value), value.values()
    elif isinstance(value, list):
        keys, members = 0, value
    else:
        return 0
    if depth > DEPTH_MAX:
        raise invalid("", f"{what} is nested more than {DEPTH_MAX} levels deep.")
    for member in members:
        if isinstance(member, _CONTAINERS):
            keys += _count_keys(member, depth + 1, what)
    return keys


def _refuse_duplicates(body: bytes, what: str) -> None:
    def require_unique(pairs: list[tuple[str, Json]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise invalid("", f"{what} gives {key[:64]!r} twice; it is not clear which counts.")
            seen.add(key)

    json.loads(body, object_pairs_hook=require_unique)
