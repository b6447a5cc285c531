"""A small kitchen and what is ordered of it."""

from typing import Any

from holdfast.domain.commands import (
    PlaceOrder,
    Portions,
    PutItem,
    PutLocation,
    PutMenuItem,
)
from holdfast.domain.records import ORDER, Line, Order, Outcome
from tests.unit.domain.desk import Desk, stocked

TTL_MS = 60_000


def kitchen(**levels: int) -> Desk:
    """A store S with so much of each SKU, and a menu: pizza (A2 B1), salad (A1), tea (nothing)."""
    desk = stocked(**levels)
    desk.do(PutLocation("S", "Shop", new=True))
    desk.do(PutItem("A", "tomatoes", unit="g", new=True))
    dishes = {"pizza": (900, (Line("A", 2), Line("B", 1))), "salad": (500, (Line("A", 1),))}
    for name, (price, recipe) in dishes.items():
        desk.do(PutMenuItem(name, name.capitalize(), price, recipe=recipe, new=True))
    desk.do(PutMenuItem("tea", "Tea", 200, new=True))
    return desk


def order(*items: tuple[str, int], name: str = "o1", **more: Any) -> PlaceOrder:
    fields = {"customer": "Ann", "user_id": None, "ttl_ms": TTL_MS, "store_id": "S", **more}
    return PlaceOrder(name, items=tuple(Portions(*item) for item in items), **fields)


def placed(outcome: Outcome) -> Order:
    found = outcome.first(ORDER)
    assert found is not None
    return found


def levels(desk: Desk, sku: str = "A") -> tuple[int, int]:
    return desk.stock(sku).on_hand, desk.stock(sku).reserved
