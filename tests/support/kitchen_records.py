"""Items, stores, dishes, orders and alerts in plain dictionaries, beside stock and reservations.

Written without the product's code. What follows from something else (an order from its
reservation, an alert from stock and threshold) is worked out from everything there is after each
event, where the product looks only at what the event names.
"""

from copy import deepcopy
from typing import Any, Final

from tests.support.shop_records import No, ShopRecords

KITCHEN_VERBS: Final = frozenset(
    {
        "item",
        "drop_item",
        "location",
        "drop_location",
        "dish",
        "recipe",
        "drop_dish",
        "order",
        "confirm_order",
        "cancel_order",
    }
)
_ENDS: Final = {
    "active": "PENDING",
    "confirmed": "CONFIRMED",
    "cancelled": "CANCELLED",
    "expired": "EXPIRED",
}
Records = dict[str, dict[str, Any]]


class KitchenRecords(ShopRecords):
    """The records of one moment, changed by verbs."""

    def __init__(self, retention_ms: int) -> None:
        self.items: Records = {}
        self.stores: Records = {}
        self.dishes: Records = {}
        self.orders: Records = {}
        #: By store and SKU: every alert there was, the newest last.
        self.alerts: dict[tuple[str, str], list[dict[str, Any]]] = {}
        #: The versions of what was deleted.
        self.buried: dict[tuple[str, str], int] = {}
        self.shown_records: dict[tuple[str, str], None] = {}
        super().__init__(retention_ms)

    def _all(self) -> dict[str, Any]:
        names = ("items", "stores", "dishes", "orders", "alerts", "buried")
        return super()._all() | {name: deepcopy(getattr(self, name)) for name in names}

    def shown(self) -> dict[tuple[str, str], dict[str, Any] | None]:
        """What the newest verb changed or showed of the kitchen's own."""
        return {(table, name): getattr(self, table).get(name) for table, name in self.shown_records}

    def _is_ordered(self, name: str) -> bool:
        return name in self.orders

    # What follows.

    def _goods_come(self, store: str) -> None:
        if store not in self.stores:
            self.stores[store] = {"name": None, "version": self._next("stores", store)}
            self.buried.pop(("stores", store), None)

    def _follow(self) -> None:
        """Let orders follow their reservations, and alerts what is available."""
        for name, order in self.orders.items():
            hold = self.holds.get(name)
            if hold is None or hold["version"] == order["version"]:
                continue
            order.update(status=_ENDS[hold["status"]], version=hold["version"])
            order["expires"] = hold["expires"]
            if hold["status"] != "active":
                self._puts[-1]["orders", (name,)] = self.now + self._retention_ms
        for key in self.stock:
            limit = self.items.get(key[1], {"threshold": None})["threshold"]
            self._weigh(key, limit)

    def _weigh(self, key: tuple[str, str], limit: int | None) -> None:
        alerts = self.alerts.get(key, [])
        is_open = bool(alerts) and alerts[-1]["status"] != "resolved"
        is_low = limit is not None and self._free(key) <= limit
        if is_low and not is_open:
            opened = {"threshold": limit, "available": self._free(key), "version": 1}
            self.alerts[key] = [*alerts, opened | {"status": "open"}]
        if is_open and not is_low:
            alerts[-1]["status"] = "resolved"
            alerts[-1]["version"] += 1

    # What all that has a name and a version has in common.

    def _next(self, table: str, name: str) -> int:
        records: Records = getattr(self, table)
        before: int = self.buried.get((table, name), 0)
        return 1 + (records[name]["version"] if name in records else before)

    def _describe(
        self, table: str, mine: str, new: bool, expected: int | None, **facts: Any
    ) -> None:
        records: Records = getattr(self, table)
        if new and mine in records:
            raise No("already_exists")
        self._demand(table, mine, expected, must_be=not new)
        version = self._next(table, mine)
        self.shown_records[table, mine] = None
        if mine in records and _alike(records[mine], {**facts, "version": version - 1}):
            return
        records[mine] = {**facts, "version": version}
        self.buried.pop((table, mine), None)
        self._changed = True

    def _demand(self, table: str, name: str, expected: int | None, *, must_be: bool = True) -> None:
        records: Records = getattr(self, table)
        if must_be and name not in records:
            raise No("not_found")
        version = records[name]["version"] if name in records else 0
        if expected not in {None, version} and not (expected == -1 and version > 0):
            raise No("version_conflict")

    def _bury(self, table: str, name: str) -> None:
        records: Records = getattr(self, table)
        self.buried[table, name] = records.pop(name)["version"]
        self.shown_records[table, name] = None
        self._changed = True

    # Verbs.

    def _item(self, *, sku: str, limit: int | None, new: bool, expected: int | None) -> None:
        self._describe("items", sku, new, expected, threshold=limit)

    def _drop_item(self, *, sku: str, expected: int | None) -> None:
        self._demand("items", sku, expected)
        left = any(levels["on_hand"] for (_, other), levels in self.stock.items() if other == sku)
        if left or any(sku in dish["recipe"] for dish in self.dishes.values()):
            raise No("in_use")
        self._bury("items", sku)

    def _location(self, *, store: str, name: str, new: bool, expected: int | None) -> None:
        known = self.stores.get(store)
        if new and known is not None and known["name"] is None:
            # Its stock has made it; nobody has named it. Versions are those of the store's record.
            if expected not in {None, 0}:
                raise No("version_conflict")
            new, expected = False, None
        self._describe("stores", store, new, expected, name=name)

    def _drop_location(self, *, store: str, expected: int | None) -> None:
        self._demand("stores", store, expected)
        left = any(levels["on_hand"] for (other, _), levels in self.stock.items() if other == store)
        pending = any(
            (order["store"], order["status"]) == (store, "PENDING")
            for order in self.orders.values()
        )
        if left or pending:
            raise No("in_use")
        self._bury("stores", store)

    def _dish(
        self,
        *,
        dish: str,
        price: int,
        on: bool,
        recipe: list[tuple[str, int]],
        new: bool,
        expected: int | None,
    ) -> None:
        taken = _summed(recipe)
        self._describe("dishes", dish, new, expected, price=price, on=on, recipe=taken)

    def _recipe(self, *, dish: str, recipe: list[tuple[str, int]], expected: int | None) -> None:
        self._demand("dishes", dish, expected)
        known = self.dishes[dish]
        self._describe(
            "dishes",
            dish,
            new=False,
            expected=None,
            price=known["price"],
            on=known["on"],
            recipe=_summed(recipe),
        )

    def _drop_dish(self, *, dish: str, expected: int | None) -> None:
        self._demand("dishes", dish, expected)
        self._bury("dishes", dish)

    def _order(
        self,
        *,
        id: str,  # noqa: A002 - the name that the step uses
        store: str,
        dishes: list[tuple[str, int]],
        user: str | None,
        ttl: int | None,
    ) -> None:
        wanted = _summed(dishes)
        if store not in self.stores or not wanted.keys() <= self.dishes.keys():
            raise No("not_found")
        taken: dict[str, int] = {}
        for dish, portions in wanted.items():
            for sku, qty in self.dishes[dish]["recipe"].items():
                taken[sku] = taken.get(sku, 0) + qty * portions
        short = [sku for sku, qty in taken.items() if self._sellable(store, sku) < qty]
        if short or not all(self.dishes[dish]["on"] for dish in wanted):
            raise No("insufficient_stock", short)
        for sku, qty in taken.items():
            self._put_stock((store, sku), reserved=self.stock[store, sku]["reserved"] + qty)
        expires = None if ttl is None else self.now + ttl
        made = {"store": store, "user": user, "expires": expires}
        self._put_hold(id, status="active", lines=taken, made=self.events, **made)
        prices = {dish: self.dishes[dish]["price"] for dish in wanted}
        self.orders[id] = {
            **made,
            "status": "PENDING",
            "items": {dish: (prices[dish], portions) for dish, portions in wanted.items()},
            "total": sum(prices[dish] * portions for dish, portions in wanted.items()),
            "version": 1,
        }
        self.shown_records["orders", id] = None

    def _sellable(self, store: str, sku: str) -> int:
        levels = self.stock.get((store, sku))
        return 0 if levels is None or levels["out"] else self._free((store, sku))

    def _confirm_order(self, *, id: str, user: str | None, expected: int | None) -> None:  # noqa: A002 - as above
        self._end_order(id, user, expected, "confirmed")

    def _cancel_order(self, *, id: str, user: str | None, expected: int | None) -> None:  # noqa: A002 - as above
        self._end_order(id, user, expected, "cancelled")

    def _end_order(self, name: str, user: str | None, expected: int | None, status: str) -> None:
        if name not in self.orders:
            raise No("not_found")
        self._own(name, user)
        self.shown_records["orders", name] = None
        if self.orders[name]["status"] == _ENDS[status]:
            return
        self._demand_active(name, expected)
        self._end(name, status)

    def _ack(self, *, id: str, store: str, sku: str) -> None:  # noqa: A002 - as above
        if id == "none":
            raise No("not_found")
        alert = self.alerts[store, sku][-1]
        if alert["status"] == "open":
            alert["status"] = "acknowledged"
            alert["version"] += 1
            self._changed = True


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether nothing differs, the order of a recipe included."""
    return one == other and list(one.get("recipe", ())) == list(other.get("recipe", ()))


def _summed(lines: list[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for name, qty in lines:
        sums[name] = sums.get(name, 0) + qty
    return sums
