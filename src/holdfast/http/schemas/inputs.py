"""The bodies of single writes. A batch row has the same fields (see `schemas.rows`)."""

from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from holdfast.http.schemas.base import (
    LINES_MAX,
    Counted,
    Delta,
    Id,
    Input,
    Instant,
    Qty,
    Reason,
    Sku,
    TtlSeconds,
    UserId,
    Version,
)


class Expecting(Input):
    expected_version: Version | None = Field(
        None, description="Write only at this version; 0: it must not exist yet."
    )


class Noted(Expecting):
    reason: Reason | None = Field(None, description="Why; shown in the history.")
    occurred_at: Instant | None = Field(
        None, description="When it happened, if that was earlier; shown in the history."
    )


class Placed(Input):
    store_id: Id
    sku: Sku


class AdjustBody(Noted):
    """A correction of what is on hand."""

    delta: Delta = Field(description="What to add; negative takes away. Not 0.")


class CountBody(Noted):
    """A stocktaking."""

    counted: Counted = Field(description="What is on hand.")


class MoveBody(Noted):
    qty: Qty


class OutBody(Expecting):
    """The kitchen's 86: mark a SKU as out, or lift the flag."""

    is_out: bool = Field(description="Whether nobody may reserve it now.")
    reason: Reason | None = None
    until: Instant | None = Field(None, description="When the flag lifts by itself.")


class Holding(Input):
    user_id: UserId | None = Field(None, description="Whose reservation it is.")
    ttl_seconds: TtlSeconds | None = Field(
        None,
        description="How long it holds. Absent: the server's default (300). Null: for ever.",
    )


class ReserveBody(Expecting, Holding):
    """A hold on one SKU."""

    qty: Qty


class AdjustAtBody(Placed, AdjustBody):
    """A correction of what is on hand, with its place in the body."""


class ReceiveBody(Placed, MoveBody):
    """Goods that came in."""


class ShipBody(Placed, MoveBody):
    """Goods that went out."""


class LineBody(Input):
    sku: Sku
    qty: Qty


Lines = Annotated[list[LineBody], Field(min_length=1, max_length=LINES_MAX)]


def _form(given: list[str], **types: str) -> dict[str, Any]:
    """JSON Schema of one way to say it: what is given, and the type of every field."""
    return {"required": given, "properties": {name: {"type": each} for name, each in types.items()}}


#: Null is as good as absent.
_ONE_FORM: Final[JsonDict] = {
    "oneOf": [
        _form(["sku", "qty"], sku="string", qty="integer", lines="null"),
        _form(["lines"], sku="null", qty="null", lines="array"),
    ]
}


class OneOrLines(Input):
    model_config = ConfigDict(json_schema_extra=_ONE_FORM)

    sku: Sku | None = Field(None, description="With `qty`: the only line.")
    qty: Qty | None = Field(None, description="With `sku`: the only line.")
    lines: Lines | None = Field(None, description="Instead of `sku` and `qty`.")

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.lines is None and (self.sku is None or self.qty is None):
            raise ValueError("Say what is meant with sku and qty, or with lines.")
        if self.lines is not None and not (self.sku is None and self.qty is None):
            raise ValueError("Give either sku and qty, or lines, not both.")
        return self


class TransferBody(OneOrLines):
    """Goods that move from one store to another: both sides or neither."""

    from_store_id: Id
    to_store_id: Id
    from_version: Version | None = Field(None, description="Version of every record that gives.")
    to_version: Version | None = Field(None, description="Version of every record that receives.")
    reason: Reason | None = None
    occurred_at: Instant | None = None


class ReservationBody(Holding):
    """A hold on stock in one store: all lines or none."""

    store_id: Id
    lines: Lines


class EndBody(Expecting):
    """Who confirms or cancels."""

    user_id: UserId | None = Field(None, description="Required for a reservation with an owner.")


class ExtendBody(EndBody):
    """Who extends, and for how long from now; a deadline never comes nearer."""

    ttl_seconds: TtlSeconds | None = Field(
        None, description="From now. Absent: the server's default. Null: it never expires."
    )


_WHO: Final = "Required where nobody signs in; else it is the caller."


class CheckoutReserveBody(Input):
    """The checkout's hold on one SKU for one user."""

    sku: Sku
    quantity: Qty
    user_id: UserId | None = Field(None, description=_WHO)
    store_id: Id | None = Field(None, description="Absent: the tenant's only store.")
    ttl_seconds: TtlSeconds | None = None


class CheckoutEndBody(Input):
    """The checkout's reservation and its user."""

    reservation_id: Id
    user_id: UserId | None = Field(None, description=_WHO)
