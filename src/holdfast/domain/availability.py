"""What a store can sell of the menu now, and why not: worked out from records, never stored.

The menu that guests see and the refusal of an order say the same, because both ask here.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from holdfast.domain.records import ITEM, STOCK, Item, Line, MenuItem, StockRecord, View
from holdfast.domain.values import instant_text

OUT: Final = "out"
INSUFFICIENT: Final = "insufficient"
DISABLED: Final = "disabled"


class Reason(NamedTuple):
    """One thing that keeps a dish from being sold; `sku` is None where it is the dish itself."""

    code: str
    sku: str | None
    name: str
    #: A sentence for whoever stands at the counter.
    message: str


class Availability(NamedTuple):
    """Whether a dish can be sold, and how often; `reasons` is empty exactly when it can."""

    #: What the ingredients last for, whatever the switch says; None without a recipe.
    portions: int | None
    #: Whether an ingredient is at or below its threshold.
    low_stock: bool
    reasons: tuple[Reason, ...]

    @property
    def available(self) -> bool:
        """Whether one can be sold."""
        return not self.reasons


class Ingredient(NamedTuple):
    """A SKU as one store has it and the catalogue describes it; either may know nothing of it."""

    sku: str
    stock: StockRecord | None
    item: Item | None

    @property
    def name(self) -> str:
        """The item's name; the SKU while there is no item."""
        return self.sku if self.item is None else self.item.name

    @property
    def sellable(self) -> int:
        """What may be promised now."""
        return 0 if self.stock is None else self.stock.sellable

    @property
    def is_low(self) -> bool:
        """Whether what is available is at or below the item's threshold."""
        return is_low(0 if self.stock is None else self.stock.available, self.item)


def is_low(available: int, item: Item | None) -> bool:
    """Tell whether so much of an item is low stock; never, while nothing says what is low."""
    threshold = None if item is None else item.low_stock_threshold
    return threshold is not None and available <= threshold


def ingredient(view: View, store_id: str | None, sku: str) -> Ingredient:
    """Look up a SKU; without a store there is none of it."""
    stock = None if store_id is None else view.get(STOCK, (store_id, sku))
    return Ingredient(sku, stock, view.get(ITEM, (sku,)))


def needs(recipe: Iterable[Line], portions: int = 1) -> dict[str, int]:
    """Add up what so many portions take of each SKU."""
    sums: dict[str, int] = {}
    for sku, qty in recipe:
        sums[sku] = sums.get(sku, 0) + qty * portions
    return sums


def availability(view: View, store_id: str | None, dish: MenuItem) -> Availability:
    """Work out what a store can sell of a dish, alone on an order."""
    wanted = needs(dish.recipe)
    found = [ingredient(view, store_id, sku) for sku in wanted]
    return Availability(
        min((each.sellable // wanted[each.sku] for each in found), default=None),
        any(each.is_low for each in found),
        tuple(_reasons(dish, wanted, found)),
    )


def reasons(
    view: View, store_id: str | None, dish: MenuItem, wanted: Mapping[str, int]
) -> tuple[Reason, ...]:
    """Say everything that keeps a dish from being sold on an order.

    Args:
        view: the records.
        store_id: where it is to be made.
        dish: what is ordered.
        wanted: what the whole order takes of each SKU, other dishes included: when two dishes
            share a last tomato, it is short for both.
    """
    found = [ingredient(view, store_id, sku) for sku in needs(dish.recipe)]
    return tuple(_reasons(dish, wanted, found))


def _reasons(
    dish: MenuItem, wanted: Mapping[str, int], found: Iterable[Ingredient]
) -> Iterable[Reason]:
    if not dish.is_available:
        yield Reason(DISABLED, None, dish.name, f"{dish.name} is switched off")
    for each in found:
        if each.stock is not None and each.stock.is_out:
            yield Reason(OUT, each.sku, each.name, _marked_out(each.name, each.stock))
        elif each.sellable < wanted[each.sku]:
            yield Reason(INSUFFICIENT, each.sku, each.name, _short(each, wanted[each.sku]))


def _marked_out(name: str, stock: StockRecord) -> str:
    why = f" ({stock.out_reason})" if stock.out_reason else ""
    end = "" if stock.out_until is None else f" until {instant_text(stock.out_until)}"
    return f"No {name}{why}{end}"


def _short(each: Ingredient, wanted: int) -> str:
    if each.sellable == 0:
        return f"No {each.name}"
    unit = f" {each.item.unit}" if each.item is not None and each.item.unit else ""
    return f"Not enough {each.name}: {each.sellable}{unit} left, {wanted}{unit} needed"
