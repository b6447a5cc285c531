"""What a kitchen and its managers ask, as the actions that the business knows."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from holdfast.domain.commands import (
    AcknowledgeAlert,
    Action,
    CancelOrder,
    ConfirmOrder,
    DeleteItem,
    DeleteLocation,
    DeleteMenuItem,
    PlaceOrder,
    Portions,
    PutItem,
    PutLocation,
    PutMenuItem,
    SetRecipe,
)
from holdfast.domain.records import Line

Fields = Mapping[str, Any]


def _lines(recipe: list[tuple[str, int]]) -> tuple[Line, ...]:
    return tuple(Line(sku, qty) for sku, qty in recipe)


def _item(asked: Fields) -> Action:
    limit, new, expected = asked["limit"], asked["new"], asked["expected"]
    name = f"item {asked['sku']}"
    return PutItem(
        asked["sku"], name, low_stock_threshold=limit, new=new, expected_version=expected
    )


def _dish(asked: Fields) -> Action:
    return PutMenuItem(
        asked["dish"],
        f"dish {asked['dish']}",
        asked["price"],
        is_available=asked["on"],
        recipe=_lines(asked["recipe"]),
        new=asked["new"],
        expected_version=asked["expected"],
    )


def _location(asked: Fields) -> Action:
    new, expected = asked["new"], asked["expected"]
    return PutLocation(asked["store"], asked["name"], new=new, expected_version=expected)


def _order(asked: Fields) -> Action:
    dishes = tuple(Portions(dish, qty) for dish, qty in asked["dishes"])
    return PlaceOrder(asked["id"], asked["store"], dishes, "Ann", asked["user"], asked["ttl"])


KITCHEN_ACTIONS: Final[Mapping[str, Callable[[Fields], Action]]] = {
    "item": _item,
    "drop_item": lambda asked: DeleteItem(asked["sku"], asked["expected"]),
    "location": _location,
    "drop_location": lambda asked: DeleteLocation(asked["store"], asked["expected"]),
    "dish": _dish,
    "recipe": lambda asked: SetRecipe(asked["dish"], _lines(asked["recipe"]), asked["expected"]),
    "drop_dish": lambda asked: DeleteMenuItem(asked["dish"], asked["expected"]),
    "order": _order,
    "confirm_order": lambda asked: ConfirmOrder(asked["id"], asked["user"], asked["expected"]),
    "cancel_order": lambda asked: CancelOrder(asked["id"], asked["user"], asked["expected"]),
    "ack": lambda asked: AcknowledgeAlert(asked["id"]),
}
