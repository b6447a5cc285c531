"""Query parameters: declared once, for reading and for the description of the interface."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from holdfast.domain.rejections import Rejected, invalid
from holdfast.domain.values import ID_REGEX, QUANTITY_MAX, is_id
from holdfast.http.headers import ID_RULE
from holdfast.http.schemas.base import PRINTABLE

LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 1000
_PARAMS_MAX: Final = 20
_CURSOR_CHARS_MAX: Final = 1024


@dataclass(frozen=True, slots=True)
class Param:
    """One query parameter: how it is read, and what it says about itself."""

    name: str
    read: Callable[[str, str], Any]
    schema: dict[str, Any]
    description: str
    default: Any = field(default=None)


def _refused(name: str, detail: str) -> Rejected:
    return invalid(f"#/query/{name}", detail)


def _read_int(low: int, high: int, name: str, text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) <= 16 and low <= int(text) <= high:
        return int(text)
    raise _refused(name, f"{name} must be a whole number from {low} to {high}.")


def int_param(name: str, low: int, high: int, default: int | None, description: str) -> Param:
    """A whole number within bounds."""
    schema: dict[str, Any] = {"type": "integer", "minimum": low, "maximum": high}
    if default is not None:
        schema["default"] = default
    return Param(name, partial(_read_int, low, high), schema, description, default)


def _read_id(name: str, text: str) -> str:
    if is_id(text):
        return text
    raise _refused(
        name,
        f"{name} {ID_RULE}",
    )


def id_param(name: str, description: str) -> Param:
    """An id."""
    return Param(name, _read_id, {"type": "string", "pattern": f"^{ID_REGEX}$"}, description)


def _read_choice(choices: tuple[str, ...], name: str, text: str) -> str:
    if text in choices:
        return text
    raise _refused(name, f"{name} must be one of {', '.join(choices)}.")


def choice_param(name: str, choices: tuple[str, ...], description: str) -> Param:
    """One of some words."""
    schema = {"type": "string", "enum": list(choices)}
    return Param(name, partial(_read_choice, choices), schema, description)


def _read_choices(choices: tuple[str, ...], name: str, text: str) -> frozenset[str]:
    return frozenset(_read_choice(choices, name, each) for each in text.split(","))


def choices_param(name: str, choices: tuple[str, ...], description: str) -> Param:
    """Some of some words, separated by commas."""
    any_of = "|".join(choices)
    schema = {"type": "string", "pattern": f"^(?:{any_of})(?:,(?:{any_of}))*$"}
    return Param(name, partial(_read_choices, choices), schema, description)


def _read_bool(name: str, text: str) -> bool:
    if text in {"true", "false"}:
        return text == "true"
    raise _refused(name, f"{name} must be true or false.")


def bool_param(name: str, description: str, default: bool | None = None) -> Param:
    """`true` or `false`."""
    schema: dict[str, Any] = {"type": "boolean"}
    if default is not None:
        schema["default"] = default
    return Param(name, _read_bool, schema, description, default)


def _read_text(chars_max: int, name: str, text: str) -> str:
    if 1 <= len(text) <= chars_max and text.isprintable():
        return text
    raise _refused(name, f"{name} must be 1 to {chars_max} printable characters.")


def text_param(name: str, chars_max: int, description: str) -> Param:
    """Printable text."""
    schema = {"type": "string", "format": PRINTABLE, "minLength": 1, "maxLength": chars_max}
    return Param(name, partial(_read_text, chars_max), schema, description)


def _read_cursor(name: str, text: str) -> list[Any]:
    position = _decoded(text) if len(text) <= _CURSOR_CHARS_MAX else None
    if position is None:
        raise _refused(name, "This cursor was not given by this list; begin again without one.")
    return position


def _decoded(text: str) -> list[Any] | None:
    try:
        position = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", True))
    except (binascii.Error, ValueError):
        return None
    return position if isinstance(position, list) else None


def cursor_text(*position: str | int) -> str:
    """Write a position in a list as an opaque cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).rstrip(b"=").decode("ascii")


def cursor_key(position: list[Any] | None, length: int) -> tuple[str, ...] | None:
    """Return the key of records at which a cursor stands.

    Raises:
        Rejected: the cursor comes from another list.
    """
    if position is None:
        return None
    if len(position) != length or not all(isinstance(part, str) for part in position):
        raise _refused("cursor", "This cursor was not given by this list; begin again without one.")
    return tuple(position)


def cursor_sequence(position: list[Any] | None) -> int | None:
    """Return the sequence at which a cursor stands.

    Raises:
        Rejected: the cursor comes from another list.
    """
    if position is None:
        return None
    match position:
        case [int(sequence)] if 0 <= sequence <= QUANTITY_MAX and not isinstance(sequence, bool):
            return sequence
    raise _refused("cursor", "This cursor was not given by this list; begin again without one.")


LIMIT: Final = int_param(
    "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, "How many items to answer with, at most."
)
CURSOR: Final = Param(
    "cursor",
    _read_cursor,
    {"type": "string", "format": "cursor", "maxLength": _CURSOR_CHARS_MAX},
    "Where to go on: the `nextCursor` of the page before. Opaque.",
)
PAGE: Final = (LIMIT, CURSOR)


def read_query(query: bytes, params: dict[str, Param]) -> dict[str, Any]:
    """Read a query string; every declared parameter is in the result.

    Raises:
        Rejected: a parameter is unknown, given twice or malformed.
    """
    values = {name: param.default for name, param in params.items()}
    if not query:
        return values
    seen: set[str] = set()
    for given, text in _pairs(query):
        name = _camel(given)
        param = params.get(name)
        if param is None:
            raise _refused(given[:64], f"There is no query parameter {given[:64]!r} here.")
        if name in seen:
            raise _refused(name, f"{name} is given twice; it is not clear which counts.")
        seen.add(name)
        values[name] = param.read(name, text)
    return values


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_PARAMS_MAX,
        )
    except ValueError:
        raise invalid("#/query", "The query string is not well formed.") from None


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)
