"""The rows of a batch: the bodies of single writes, with an operation's name and a place."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from holdfast.domain.values import QUANTITY_MAX
from holdfast.http.schemas.base import Id, Input
from holdfast.http.schemas.inputs import (
    AdjustBody,
    CountBody,
    EndBody,
    Expecting,
    ExtendBody,
    Holding,
    MoveBody,
    OneOrLines,
    OutBody,
    Placed,
    TransferBody,
)


def _visible(key: str) -> str:
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("An idempotency key must be 1 to 255 visible ASCII characters.")
    return key


class Row(Input):
    idempotency_key: (
        Annotated[
            str,
            Field(json_schema_extra={"pattern": "^[!-~]{1,255}$"}),
            AfterValidator(_visible),
        ]
        | None
    ) = Field(None, description="This row's own key; refused with `atomic` or `source`.")
    line: Annotated[int, Field(ge=1, le=QUANTITY_MAX)] | None = Field(
        None, description="With `source`, and only then: the row's place in the load; it rises."
    )


class AdjustRow(Row, Placed, AdjustBody):
    op: Literal["adjust"]


class CountRow(Row, Placed, CountBody):
    op: Literal["count"]


class ReceiveRow(Row, Placed, MoveBody):
    op: Literal["receive"]


class ShipRow(Row, Placed, MoveBody):
    op: Literal["ship"]


class TransferRow(Row, TransferBody):
    op: Literal["transfer"]


class OutRow(Row, Placed, OutBody):
    op: Literal["out"]


class ReserveRow(Row, OneOrLines, Expecting, Holding):
    op: Literal["reserve"]
    store_id: Id


class ConfirmRow(Row, EndBody):
    op: Literal["confirm"]
    reservation_id: Id


class CancelRow(Row, EndBody):
    op: Literal["cancel"]
    reservation_id: Id


class ExtendRow(Row, ExtendBody):
    op: Literal["extend"]
    reservation_id: Id


#: Each operation's model.
ROWS: Final[dict[str, type[Row]]] = {
    "adjust": AdjustRow,
    "count": CountRow,
    "receive": ReceiveRow,
    "ship": ShipRow,
    "transfer": TransferRow,
    "out": OutRow,
    "reserve": ReserveRow,
    "confirm": ConfirmRow,
    "cancel": CancelRow,
    "extend": ExtendRow,
}
