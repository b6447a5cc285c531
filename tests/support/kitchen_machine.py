"""The rules of a kitchen beside those of a shop, and how its records are compared."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from holdfast.domain.records import (
    ALERT,
    ITEM,
    MENU_ITEM,
    ORDER,
    STORE,
    Item,
    Key,
    MenuItem,
    Order,
    Outcome,
    Store,
)
from tests.support.shop_machine import (
    EXPECTED,
    KEYS,
    SKUS,
    STORES,
    TTLS_MS,
    USERS,
    ShopMachine,
)
from tests.support.shop_model import Answer, ShopModel
from tests.support.steps import Step

DISHES = st.sampled_from(["pie", "tea", "cake"])
RECIPES = st.lists(st.tuples(SKUS, st.integers(1, 3)), max_size=3)
LIMITS = st.sampled_from([None, 0, 1, 4, 12])


class KitchenMachine(ShopMachine):
    """A shop with a catalogue, a menu and guests."""

    def low(self) -> dict[Key, str]:
        """The alerts that are not resolved, by store and SKU."""
        raise NotImplementedError

    def compare_records(self, expected: Answer, outcome: Outcome) -> None:
        if expected.records is None:
            return
        found = {
            ({"menu": "dishes"}.get(table.name, table.name), key[0]): record and plain(record)
            for table, key, record in outcome.records
            if table is not ALERT
        }
        assert found == expected.records, (found, expected.records)

    def named(self, table: str, name: str, expected: Any) -> int | None:
        """The version that a caller names who has read the record, or not quite."""
        return self._expected(
            getattr(self.model, table).get(name, {"version": 0})["version"], expected
        )

    @initialize(opened=st.sampled_from([True, True, True, False]), limit=LIMITS)
    def a_kitchen_is_open(self, opened: bool, limit: int | None) -> None:
        if not opened:
            return
        fields: dict[str, Any] = {"new": True, "expected": None}
        for sku in ("A", "B"):
            self.ask(Step("receive", {"store": "S", "sku": sku, "qty": 20}))
            self.ask(Step("item", {"sku": sku, "limit": limit, **fields}))
        for dish, recipe in (("pie", [("A", 2), ("B", 1)]), ("cake", [("A", 1)]), ("tea", [])):
            made = {"dish": dish, "price": 7, "on": True, "recipe": recipe}
            self.ask(Step("dish", {**made, **fields}))

    @rule(sku=SKUS, limit=LIMITS, new=st.booleans(), expected=EXPECTED, key=KEYS)
    def describe_an_item(
        self, *, sku: str, limit: int | None, new: bool, expected: Any, key: str | None
    ) -> None:
        version = self.named("items", sku, expected)
        fields = {"sku": sku, "limit": limit, "new": new, "expected": version}
        self.ask(Step("item", fields, key))

    @rule(
        store=STORES,
        name=st.sampled_from(["Shop", "Bar"]),
        new=st.booleans(),
        expected=EXPECTED,
        key=KEYS,
    )
    def describe_a_store(
        self, *, store: str, name: str, new: bool, expected: Any, key: str | None
    ) -> None:
        version = self.named("stores", store, expected)
        fields = {"store": store, "name": name, "new": new, "expected": version}
        self.ask(Step("location", fields, key))

    @rule(
        dish=DISHES,
        price=st.integers(0, 3),
        on=st.sampled_from([True, True, True, False]),
        recipe=RECIPES,
        new=st.booleans(),
        expected=EXPECTED,
        key=KEYS,
    )
    def describe_a_dish(self, *, dish: str, expected: Any, key: str | None, **facts: Any) -> None:
        version = self.named("dishes", dish, expected)
        self.ask(Step("dish", {"dish": dish, "expected": version, **facts}, key))

    @rule(dish=DISHES, recipe=RECIPES, expected=EXPECTED, key=KEYS)
    def write_a_recipe(
        self, *, dish: str, recipe: list[tuple[str, int]], expected: Any, key: str | None
    ) -> None:
        version = self.named("dishes", dish, expected)
        self.ask(Step("recipe", {"dish": dish, "recipe": recipe, "expected": version}, key))

    @rule(sku=SKUS, emptied=st.booleans(), expected=EXPECTED, key=KEYS)
    def drop_an_item(self, *, sku: str, emptied: bool, expected: Any, key: str | None) -> None:
        if emptied:
            self.empty([place for place in self.model.stock if place[1] == sku])
        fields = {"sku": sku, "expected": self.named("items", sku, expected)}
        self.ask(Step("drop_item", fields, key))

    @rule(store=STORES, emptied=st.booleans(), expected=EXPECTED, key=KEYS)
    def close_a_store(self, *, store: str, emptied: bool, expected: Any, key: str | None) -> None:
        if emptied:
            self.empty([place for place in self.model.stock if place[0] == store])
        fields = {"store": store, "expected": self.named("stores", store, expected)}
        self.ask(Step("drop_location", fields, key))

    def empty(self, places: list[tuple[str, str]]) -> None:
        """Count nothing there; where something is reserved, that is refused."""
        for store, sku in places:
            self.ask(Step("count", {"store": store, "sku": sku, "counted": 0}))

    @rule(dish=DISHES, expected=EXPECTED, key=KEYS)
    def drop_a_dish(self, *, dish: str, expected: Any, key: str | None) -> None:
        fields = {"dish": dish, "expected": self.named("dishes", dish, expected)}
        self.ask(Step("drop_dish", fields, key))

    @rule(
        store=st.sampled_from(["S", "S", "S", "T"]),
        dishes=st.lists(st.tuples(DISHES, st.sampled_from([1, 1, 2, 6])), min_size=1, max_size=3),
        user=USERS,
        ttl=TTLS_MS,
        key=st.sampled_from([None] * 9 + ["k1"]),
    )
    def order(self, *, key: str | None, **fields: Any) -> None:
        self.ask(Step("order", {"id": self.new_hold(), **fields}, key))

    @rule(
        verb=st.sampled_from(["confirm_order", "cancel_order"]),
        pick=st.integers(-1, 3),
        honest=st.sampled_from([True, True, False]),
        user=USERS,
        expected=EXPECTED,
        key=KEYS,
    )
    def end_an_order(
        self,
        *,
        verb: str,
        pick: int,
        honest: bool,
        user: str | None,
        expected: Any,
        key: str | None,
    ) -> None:
        names = sorted(self.model.orders)
        name = names[-1 - pick % len(names)] if names and pick >= 0 else "r0"
        known = self.model.orders.get(name, {"user": user, "version": 0})
        asked = known["user"] if honest else user
        version = self._expected(known["version"], expected)
        self.ask(Step(verb, {"id": name, "user": asked, "expected": version}, key))

    @rule(pick=st.integers(0, 3))
    def acknowledge(self, pick: int) -> None:
        alerts = sorted(self.low().items())
        (store, sku), name = alerts[pick] if pick < len(alerts) else (("S", "A"), "none")
        self.ask(Step("ack", {"id": name, "store": store, "sku": sku}))


def demand_same_kitchen(model: ShopModel, tables: Mapping[str, Mapping[Key, Any]]) -> None:
    """Demand that the records of a kitchen are those of the model."""
    for table, known in (
        (ITEM, model.items),
        (STORE, model.stores),
        (MENU_ITEM, model.dishes),
        (ORDER, model.orders),
    ):
        found = {key[0]: plain(each) for key, each in tables.get(table.name, {}).items()}
        assert found == known, (found, known)
    alerts: dict[Key, list[Any]] = {}
    for alert in tables.get(ALERT.name, {}).values():
        facts = (alert.version, alert.status, alert.threshold, alert.available)
        alerts.setdefault((alert.store_id, alert.sku), []).append(facts)
    names = ("version", "status", "threshold", "available")
    wanted = {
        place: sorted(tuple(each[name] for name in names) for each in known)
        for place, known in model.alerts.items()
    }
    assert {place: sorted(each) for place, each in alerts.items()} == wanted


def plain(record: Any) -> dict[str, Any]:
    """A record of a kitchen as the model has it."""
    if isinstance(record, Item):
        return {"threshold": record.low_stock_threshold, "version": record.version}
    if isinstance(record, Store):
        return {"name": record.name, "version": record.version}
    if isinstance(record, MenuItem):
        return {
            "price": record.price,
            "on": record.is_available,
            "recipe": {line.sku: line.qty for line in record.recipe},
            "version": record.version,
        }
    assert isinstance(record, Order), record
    return {
        "store": record.store_id,
        "user": record.user_id,
        "expires": record.expires_at,
        "status": record.status,
        "items": {item.id: (item.price, item.qty) for item in record.items},
        "total": record.total_amount,
        "version": record.version,
    }
