"""Dishes, as managers write them and as guests see them."""

from typing import Annotated, Literal

from pydantic import Field

from holdfast.domain.values import ID_REGEX
from holdfast.http.schemas.base import LINES_MAX, Count, Id, Output, Sku, Time, Version
from holdfast.http.schemas.catalogue import Name, Price, Text
from holdfast.http.schemas.inputs import Expecting, LineBody
from holdfast.http.schemas.outputs import LineOut, Page

DishId = Annotated[str, Field(pattern=f"^{ID_REGEX}$", examples=["margherita"])]
Recipe = Annotated[
    list[LineBody],
    Field(max_length=LINES_MAX, description="What one portion takes; empty: nothing from stock."),
]


class DishFacts(Expecting):
    name: Name
    price: Price
    category: Name | None = None
    is_available: bool = Field(True, description="The manual switch.")
    recipe: Recipe
    description: Text | None = None
    image_url: Text | None = None


class DishBody(DishFacts):
    """A dish for the menu."""

    id: DishId | None = Field(None, description="Absent: the server makes one.")


class ReplaceDishBody(DishFacts):
    """What a dish is from now on; what is left out is cleared."""

    id: DishId | None = Field(None, description="If given, the one in the address.")


class RecipeBody(Expecting):
    """What a portion takes from now on."""

    recipe: Recipe


class Dish(Output):
    """A dish as managers see it."""

    id: DishId
    name: str
    price: Count = Field(description="In minor currency units.")
    category: str | None
    is_available: bool = Field(description="The manual switch.")
    recipe: list[LineOut]
    description: str | None
    image_url: str | None
    version: Version
    updated_at: Time


class DishPage(Page):
    items: list[Dish]


class Reason(Output):
    """One thing that keeps a dish from being sold."""

    code: Literal["out", "insufficient", "disabled"] = Field(
        description=(
            "`out`: the ingredient is marked as out; `insufficient`: too little of it is left; "
            "`disabled`: the dish itself is switched off."
        )
    )
    sku: Sku | None = Field(description="The ingredient; null for the dish itself.")
    name: str = Field(description="Of the ingredient, or the dish.")
    message: str = Field(description="For whoever stands at the counter.")


class MenuEntry(Output):
    """A dish as guests see it in one store."""

    id: DishId
    name: str
    price: Count = Field(description="In minor currency units.")
    category: str | None
    description: str | None
    image_url: str | None
    available: bool = Field(description="Whether one can be sold now; then `reasons` is empty.")
    portions: Count | None = Field(
        description="How many the ingredients last for now; null without a recipe."
    )
    low_stock: bool = Field(description="Whether an ingredient is at or below its threshold.")
    reasons: list[Reason] = Field(description="All that is in the way, not the first of it only.")


class Menu(Page):
    store_id: Id | None = Field(description="Null while there is no store: nothing is in stock.")
    items: list[MenuEntry]
