"""Items and locations: what people know of SKUs and stores."""

from typing import Annotated

from pydantic import AfterValidator, Field

from holdfast.domain.values import QUANTITY_MAX
from holdfast.http.schemas.base import PRINTABLE, Count, Id, Output, Sku, Time, Version
from holdfast.http.schemas.inputs import Expecting
from holdfast.http.schemas.outputs import Page


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("A name must consist of printable characters, on one line.")
    return text


Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        examples=["Tomatoes"],
        json_schema_extra={"format": PRINTABLE},
    ),
    AfterValidator(_printable),
]
Text = Annotated[str, Field(max_length=2000)]
Price = Annotated[
    int, Field(ge=0, le=QUANTITY_MAX, examples=[1250], description="In minor currency units.")
]


class ItemFacts(Expecting):
    name: Name
    category: Name | None = None
    unit: Name | None = Field(None, description="What one of it is: pieces, g, ml.")
    price: Price | None = None
    low_stock_threshold: Annotated[int, Field(ge=0, le=QUANTITY_MAX)] | None = Field(
        None, description="So many available, or fewer, are low stock. Absent: never low."
    )
    image_url: Text | None = None
    description: Text | None = None


class ItemBody(ItemFacts):
    """What a SKU is. Stock may have been there before."""

    sku: Sku


class ReplaceItemBody(ItemFacts):
    """What a SKU is from now on; what is left out is cleared."""

    sku: Sku | None = Field(None, description="If given, the one in the address.")


class LocationFacts(Expecting):
    name: Name
    address: Text | None = None
    timezone: Name | None = Field(None, description="As in `Europe/Rome`.")


class LocationBody(LocationFacts):
    """A store, before or after its first stock."""

    store_id: Id


class ReplaceLocationBody(LocationFacts):
    """What is known of a store from now on; what is left out is cleared."""

    store_id: Id | None = Field(None, description="If given, the one in the address.")


class Item(Output):
    """What a SKU is."""

    sku: Sku
    name: str
    category: str | None
    unit: str | None
    price: Count | None = Field(description="In minor currency units.")
    low_stock_threshold: Count | None
    image_url: str | None
    description: str | None
    version: Version
    updated_at: Time


class ItemPage(Page):
    items: list[Item]


class Location(Output):
    """A store."""

    store_id: Id
    name: str = Field(description="The store's id while nobody has named it.")
    address: str | None
    timezone: str | None
    created_at: Time
    updated_at: Time
    version: Version


class LocationPage(Page):
    items: list[Location]
