"""Orders of guests."""

from typing import Annotated, Literal

from pydantic import Field

from holdfast.http.schemas.base import LINES_MAX, Count, Id, Input, Output, Qty, Time, Version
from holdfast.http.schemas.catalogue import Name
from holdfast.http.schemas.inputs import Expecting
from holdfast.http.schemas.menu import DishId
from holdfast.http.schemas.outputs import Page


class OrderedBody(Input):
    id: DishId = Field(description="The dish.")
    qty: Qty


class OrderBody(Input):
    """What a guest orders in one store: all of it or nothing."""

    items: Annotated[list[OrderedBody], Field(min_length=1, max_length=LINES_MAX)]
    customer: Name = Field(description="Whom to call when it is ready.")
    store_id: Id | None = Field(None, description="Absent: the tenant's default, or only, store.")


class OrderEndBody(Expecting):
    """Confirms or cancels."""


class Ordered(Output):
    id: DishId
    name: str = Field(description="As it was when it was ordered.")
    price: Count = Field(description="As it was when it was ordered, in minor currency units.")
    qty: Count


class Order(Output):
    """An order; it follows the reservation that holds its ingredients."""

    id: Id
    store_id: Id
    customer: str
    status: Literal["PENDING", "CONFIRMED", "CANCELLED", "EXPIRED"]
    items: list[Ordered]
    total_amount: Count = Field(description="In minor currency units.")
    reservation_id: Id
    created_at: Time
    expires_at: Time | None = Field(description="A pending order is cancelled at this instant.")
    ended_at: Time | None
    version: Version
    order_token: str | None = Field(
        None,
        description="A guest gets it when ordering; sent as `X-Order-Token` it opens this order.",
    )


class OrderPage(Page):
    items: list[Order]
