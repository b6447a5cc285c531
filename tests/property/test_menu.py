"""A menu that is kept is the menu that would be worked out now, whatever changed meanwhile."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.domain.events import Event
from holdfast.domain.records import (
    ITEM,
    MENU_ITEM,
    STOCK,
    Change,
    Item,
    Line,
    MenuItem,
    StockRecord,
)
from holdfast.domain.state import State
from holdfast.http import menus
from holdfast.http.menus import Menu, Menus
from holdfast.ledger.port import Follower, Ledger

STORES = st.sampled_from(["S", "T", "U"])
SKUS = st.sampled_from("ABC")
DISHES = st.sampled_from(["d1", "d2", "d3"])
FEW = st.integers(0, 4)
LINES = st.builds(Line, SKUS, st.integers(1, 3))
#: Most changes touch stock, some of it in several places at once; readers come at any time.
STOCK_CHANGES = st.builds(
    lambda store, sku, on_hand, reserved, out: (
        STOCK,
        (store, sku),
        StockRecord(store, sku, on_hand + reserved, reserved, out, None, None, 1, 0),
    ),
    *(STORES, SKUS, FEW, FEW, st.booleans()),
)
ITEM_CHANGES = st.builds(
    lambda sku, name, low: (
        ITEM,
        (sku,),
        None if name is None else Item(sku, name, low_stock_threshold=low),
    ),
    *(SKUS, st.sampled_from(["salt", "oil", None]), st.none() | FEW),
)
DISH_CHANGES = st.builds(
    lambda dish, name, on, recipe: (
        MENU_ITEM,
        (dish,),
        None if name is None else MenuItem(dish, name, 900, is_available=on, recipe=tuple(recipe)),
    ),
    *(DISHES, st.sampled_from(["soup", "tart", None]), st.booleans(), st.lists(LINES, max_size=3)),
)
CHANGES = st.lists(
    STOCK_CHANGES | STOCK_CHANGES | ITEM_CHANGES | DISH_CHANGES, min_size=1, max_size=3
)
READS = STORES | st.none()


class Shop:
    """The least that menus need of a ledger: committed changes, readers, followers."""

    def __init__(self) -> None:
        self._state = State()
        self.sequence = 0
        self.exact = True
        self.as_if: dict[Any, Any] = {}
        self.followers: list[Follower] = []

    def commit(self, changes: list[Change]) -> None:
        self.sequence += 1
        self._state.apply(changes, 0)
        event = Event(self.sequence, 0, "", "", "", "", {})
        for follower in tuple(self.followers):
            follower(event, changes)

    def follow(self, follower: Follower, *, waits: bool = True) -> Callable[[], None]:
        self.followers.append(follower)
        return lambda: self.followers.remove(follower) if self.followers else None

    async def read(self) -> "Shop":
        return self

    def get(self, table: Any, key: Any) -> Any:
        return self.as_if.get((table, key)) or self._state.get(table, key)

    def records(self, table: Any) -> Any:
        return self._state.records(table)


def as_ledger(shop: Shop) -> Ledger:
    return cast("Ledger", shop)


def current(kept: Menus, shop: Shop, store_id: str | None) -> Menu:
    _, menu = asyncio.run(kept.current(as_ledger(shop), lambda _: store_id))
    return menu


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(menus, "DISHES_AT_ONCE", 2)
    monkeypatch.setattr(menus, "STORES_KEPT_MAX", 2)


@settings(max_examples=200)
@given(history=st.lists(CHANGES | READS, min_size=20, max_size=60))
def test_a_kept_menu_is_what_would_be_worked_out_now(history: list[Any]) -> None:
    shop, kept = Shop(), Menus()
    content_of: dict[bytes, tuple[str | None, bytes]] = {}
    etag_of: dict[tuple[str | None, bytes], bytes] = {}
    for step in [*history, "S", "T", "U", None]:
        if isinstance(step, list):
            shop.commit(step)
            continue
        menu, afresh = current(kept, shop, step), current(Menus(), shop, step)
        content = (step, menu.page(None, None)[0])
        assert (content[1], menu.etag) == (afresh.page(None, None)[0], afresh.etag)
        assert content_of.setdefault(menu.etag, content) == content
        assert etag_of.setdefault(content, menu.etag) == menu.etag


@given(dishes=st.lists(DISH_CHANGES, min_size=1), limit=st.integers(1, 4))
def test_pages_together_are_the_whole_menu(dishes: list[Change], limit: int) -> None:
    shop = Shop()
    shop.commit(dishes)
    menu = current(Menus(), shop, "S")
    whole: list[Any] = json.loads(menu.page(None, None)[0])
    found: list[Any] = []
    after: str | None = None
    while True:
        page, after = menu.page(after, limit)
        found += json.loads(page)
        assert len(json.loads(page)) <= limit
        if after is None:
            break
    assert found == whole == sorted(whole, key=lambda entry: str(entry["id"]))


SOUP: Change = (MENU_ITEM, ("soup",), MenuItem("soup", "Soup", 900, recipe=(Line("A", 1),)))


def stock(on_hand: int) -> Change:
    return STOCK, ("S", "A"), StockRecord("S", "A", on_hand, 0, False, None, None, 1, 0)


def test_what_is_only_worked_out_is_shown_and_not_kept() -> None:
    shop, kept = Shop(), Menus()
    shop.commit([SOUP, stock(0)])
    before = current(kept, shop, "S").page(None, None)
    table, key, record = stock(7)
    shop.exact, shop.as_if = False, {(table, key): record}
    assert b'"portions":7' in current(kept, shop, "S").page(None, None)[0]
    shop.exact, shop.as_if = True, {}
    assert current(kept, shop, "S").page(None, None) == before


def test_menus_that_missed_an_event_are_made_again() -> None:
    shop, kept = Shop(), Menus()
    shop.commit([SOUP, stock(0)])
    current(kept, shop, "S")
    shop.followers.clear()
    shop.commit([stock(7)])
    assert b'"portions":7' in current(kept, shop, "S").page(None, None)[0]
    assert len(shop.followers) == 1


def test_one_change_renders_its_dishes_again_and_no_others() -> None:
    shop, kept = Shop(), Menus()
    tart: Change = (MENU_ITEM, ("tart",), MenuItem("tart", "Tart", 900, recipe=(Line("B", 1),)))
    shop.commit([SOUP, tart, stock(7)])
    menu = current(kept, shop, "S")
    shop.commit([stock(6)])
    assert menu.stale == {"soup"}
    assert current(kept, shop, "S") is menu
    assert menu.stale == set()
    shop.commit([(MENU_ITEM, ("soup",), MenuItem("soup", "Soup", 900, recipe=(Line("B", 1),)))])
    current(kept, shop, "S")
    shop.commit([stock(5)])
    assert menu.stale == set()
