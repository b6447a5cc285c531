"""The ground that all models stand on: strict, nothing unknown, camelCase, bounded scalars."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from holdfast.domain.values import ID_REGEX, INSTANT_MAX_MS, QUANTITY_MAX

TTL_SECONDS_MAX: Final = 86_400
LINES_MAX: Final = 100
#: The `format` of text without control characters, line breaks and the like.
PRINTABLE: Final = "printable"


class Input(BaseModel):
    """What a client sends: camelCase or snake_case, no conversions, no unknown fields."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


class Output(BaseModel):
    """What a client receives."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


def _not_zero(delta: int) -> int:
    if delta == 0:
        raise ValueError("A delta of 0 changes nothing.")
    return delta


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("A user id must consist of printable characters.")
    return text


def _instant(given: object) -> object:
    """Read an ISO 8601 time with a zone as milliseconds."""
    instant_ms = instant_ms_of(given) if isinstance(given, str) else None
    if instant_ms is None or not 0 <= instant_ms <= INSTANT_MAX_MS:
        raise ValueError(
            "A time must be written like 2026-11-20T08:41:55.123Z, with its zone, from 1970 on."
        )
    return instant_ms


def instant_ms_of(text: str) -> int | None:
    """Return the instant that an ISO 8601 text with a zone names, in ms; None: it names none."""
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else (moment - _EPOCH) // _MS
    except (ValueError, OverflowError):
        return None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)

Id = Annotated[str, Field(pattern=f"^{ID_REGEX}$", examples=["STORE001"])]
Sku = Annotated[str, Field(pattern=f"^{ID_REGEX}$", examples=["SKU123"])]
Qty = Annotated[int, Field(ge=1, le=QUANTITY_MAX, examples=[2])]
Counted = Annotated[int, Field(ge=0, le=QUANTITY_MAX, examples=[12])]
Delta = Annotated[
    int,
    Field(
        ge=-QUANTITY_MAX, le=QUANTITY_MAX, examples=[10], json_schema_extra={"not": {"const": 0}}
    ),
    AfterValidator(_not_zero),
]
Version = Annotated[int, Field(ge=0, le=QUANTITY_MAX, examples=[3])]
Reason = Annotated[str, Field(max_length=500, examples=["delivery 4711"])]
UserId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        examples=["ada"],
        description="Printable characters only.",
        json_schema_extra={"format": PRINTABLE},
    ),
    AfterValidator(_printable),
]
TtlSeconds = Annotated[int, Field(ge=1, le=TTL_SECONDS_MAX, examples=[600])]
Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2026-11-20T08:41:55.123Z"]}
    ),
]
#: In answers: the text itself.
Time = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
        json_schema_extra={"format": "date-time"},
        examples=["2026-11-20T08:41:55.123Z"],
    ),
]
Count = Annotated[int, Field(ge=0)]
JsonObject = dict[str, Any]
