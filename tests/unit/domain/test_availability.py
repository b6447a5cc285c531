"""What a store can sell of a dish, and what it says when it cannot."""

from typing import Any

from holdfast.domain.availability import Reason, availability, needs, reasons
from holdfast.domain.records import ITEM, STOCK, Item, Line, MenuItem, StockRecord, View

UNTIL = 1_795_000_000_000


class Shelf(View):
    """Records that a test puts there."""

    def __init__(self, *records: StockRecord | Item) -> None:
        self._records: dict[Any, Any] = {}
        for record in records:
            table = STOCK if isinstance(record, StockRecord) else ITEM
            self._records[table, record.key] = record

    def get(self, table: Any, key: Any) -> Any:
        return self._records.get((table, key))


def stock(sku: str, on_hand: int, reserved: int = 0) -> StockRecord:
    return StockRecord("S", sku, on_hand, reserved, False, None, None, 1, 0)


def marked(record: StockRecord, reason: str | None = None, until: int | None = None) -> StockRecord:
    return record._replace(is_out=True, out_reason=reason, out_until=until)


def dish(*recipe: tuple[str, int], is_available: bool = True) -> MenuItem:
    lines = tuple(Line(sku, qty) for sku, qty in recipe)
    return MenuItem("pizza", "Pizza", 900, is_available=is_available, recipe=lines)


def test_portions_are_what_the_scarcest_ingredient_lasts_for() -> None:
    view = Shelf(stock("flour", 1000), stock("tomato", 500, reserved=110))
    found = availability(view, "S", dish(("flour", 250), ("tomato", 100)))
    assert (found.portions, found.available, found.reasons) == (3, True, ())


def test_lines_of_one_sku_are_added_up() -> None:
    found = availability(Shelf(stock("gin", 100)), "S", dish(("gin", 40), ("gin", 20)))
    assert found.portions == 1
    assert needs(dish(("gin", 40), ("gin", 20)).recipe, 2) == {"gin": 120}


def test_a_dish_without_a_recipe_counts_no_portions() -> None:
    found = availability(Shelf(), "S", dish())
    assert (found.portions, found.available, found.low_stock) == (None, True, False)


def test_everything_that_is_missing_is_named_and_not_the_first_of_it_only() -> None:
    view = Shelf(
        Item("tomato", "tomatoes", unit="g"),
        Item("basil", "basil"),
        Item("cheese", "cheese", unit="g"),
        marked(stock("basil", 50), "wilted", UNTIL),
        stock("cheese", 30),
    )
    pizza = dish(("tomato", 80), ("basil", 1), ("cheese", 120), is_available=False)
    found = availability(view, "S", pizza)
    assert not found.available
    assert found.portions == 0
    assert found.reasons == (
        Reason("disabled", None, "Pizza", "Pizza is switched off"),
        Reason("insufficient", "tomato", "tomatoes", "No tomatoes"),
        Reason("out", "basil", "basil", "No basil (wilted) until 2026-11-18T11:06:40.000Z"),
        Reason("insufficient", "cheese", "cheese", "Not enough cheese: 30 g left, 120 g needed"),
    )


def test_what_the_catalogue_does_not_know_is_called_by_its_sku() -> None:
    (reason,) = availability(Shelf(stock("RUM-1", 1)), "S", dish(("RUM-1", 2))).reasons
    assert (reason.name, reason.message) == ("RUM-1", "Not enough RUM-1: 1 left, 2 needed")


def test_a_switch_that_is_off_leaves_the_portions_as_they_are() -> None:
    found = availability(Shelf(stock("A", 4)), "S", dish(("A", 2), is_available=False))
    assert (found.portions, [each.code for each in found.reasons]) == (2, ["disabled"])


def test_without_a_store_nothing_is_in_stock() -> None:
    found = availability(Shelf(stock("A", 4)), None, dish(("A", 2)))
    assert (found.portions, [each.code for each in found.reasons]) == (0, ["insufficient"])


def test_stock_is_low_from_the_threshold_on() -> None:
    item = Item("A", "A", low_stock_threshold=4)
    low = [
        availability(Shelf(item, stock("A", have, 10)), "S", dish(("A", 1))).low_stock
        for have in (15, 14, 13)
    ]
    assert low == [False, True, True]
    assert availability(Shelf(item), "S", dish(("A", 1))).low_stock
    nobody_asks = item._replace(low_stock_threshold=None)
    assert not availability(Shelf(nobody_asks), "S", dish(("A", 1))).low_stock


def test_an_ingredient_that_dishes_of_one_order_share_is_short_for_both() -> None:
    view = Shelf(stock("tomato", 1), stock("salt", 9))
    one, other = dish(("tomato", 1), ("salt", 1)), dish(("tomato", 1))
    assert availability(view, "S", one).available
    assert availability(view, "S", other).available
    wanted = {"tomato": 2, "salt": 1}
    short = Reason("insufficient", "tomato", "tomato", "Not enough tomato: 1 left, 2 needed")
    assert reasons(view, "S", one, wanted) == (short,)
    assert reasons(view, "S", other, wanted) == (short,)
