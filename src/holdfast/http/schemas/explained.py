"""What an explanation looks like."""

from typing import Annotated, Literal

from pydantic import Field

from holdfast.http.schemas.base import Count, Id, Output, Sku, Time
from holdfast.http.schemas.menu import MenuEntry
from holdfast.http.schemas.outputs import StockRecord

Taken = Annotated[int, Field(le=0)]


class CauseEvent(Output):
    """The event that made it so."""

    sequence: Count
    at: Time
    type: str
    actor: str
    reason: str | None


class OnHandPart(Output):
    """What is in the store, and the event that last changed it."""

    kind: Literal["onHand"]
    qty: Count
    event: CauseEvent | None


class ReservationPart(Output):
    """What an active reservation holds, and the event that made or last extended it."""

    kind: Literal["reservation"]
    qty: Taken
    reservation_id: Id
    user_id: str | None
    expires_at: Time | None = Field(description="Null: it never expires.")
    event: CauseEvent | None


class OtherReservationsPart(Output):
    """What is held besides: by more reservations than are listed, or by older ones than searched."""

    kind: Literal["otherReservations"]
    qty: Taken
    event: None


class OutPart(Output):
    """What is available and cannot be sold, because the SKU is marked as out."""

    kind: Literal["out"]
    qty: Taken
    reason: str | None
    until: Time | None
    event: CauseEvent | None


class Place(Output):
    """The newest event that the answer knows, and the instant that it is for."""

    sequence: Count
    at: Time


class OpenAlert(Output):
    """The alert that tells of it; null in answers about the past."""

    id: str
    status: Literal["open", "acknowledged"]
    opened_at: Time


class LowStock(Output):
    """What the item asks to be told of."""

    threshold: Count
    is_low: bool
    alert: OpenAlert | None


class Explanation(Output):
    """A stock record taken apart: the quantities of all parts add up to what can be sold."""

    store_id: Id
    sku: Sku
    name: str = Field(description="The item's name; the SKU while there is no item.")
    as_of: Place
    detail: str = Field(description="A sentence for the person at the screen.")
    record: StockRecord
    parts: list[
        Annotated[
            OnHandPart | ReservationPart | OtherReservationsPart | OutPart,
            Field(discriminator="kind"),
        ]
    ]
    low_stock: LowStock | None = Field(description="Null while the item has no threshold.")
    next_release_at: Time | None = Field(description="When the first of the reservations ends.")
    searched_from: Count = Field(description="The oldest event that was looked at.")


class IngredientExplanation(Output):
    """What one portion takes of a SKU, and how far that lasts."""

    sku: Sku
    name: str
    qty: Count = Field(description="For one portion.")
    portions: Count = Field(description="For how many portions this ingredient alone lasts.")
    stock: Explanation | None = Field(description="Null while the store never had any.")


class DishExplanation(Output):
    """A dish taken apart."""

    store_id: Id | None
    as_of: Place
    detail: str = Field(description="A sentence for the person at the counter.")
    entry: MenuEntry
    is_available: bool = Field(description="The dish's own switch.")
    ingredients: list[IngredientExplanation]
