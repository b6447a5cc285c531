"""The menu of each store as it stands: kept, and worked out again only where something changed.

What a store can sell of a dish follows from the dish, the stock of its ingredients and their
items. An index from SKU to dishes tells which dishes an event touches; these are marked, and the
next reader renders them and no others. A menu's `ETag` is a hash over all of it, so it never names
two contents: not across restarts, not across releases, not after a deadline that nobody asked for.
"""

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Final
from weakref import WeakKeyDictionary

import orjson

from holdfast.domain.availability import availability
from holdfast.domain.events import Event
from holdfast.domain.records import ITEM, MENU_ITEM, STOCK, Change, View
from holdfast.http.dishes import DishIndex
from holdfast.http.render_catalogue import menu_entry
from holdfast.ledger.port import Ledger, Reading

#: Of one tenant so many stores' menus are kept; the one that rested longest makes room.
STORES_KEPT_MAX: Final = 64
#: Dishes rendered in one go while others wait for the loop: about a millisecond of work.
DISHES_AT_ONCE: Final = 64


class Menu:
    """One store's menu: its dishes as JSON, by id, and which of them must be rendered again."""

    def __init__(self, store_id: str | None, dish_ids: Iterable[str]) -> None:
        """Make one of which nothing is rendered; `store_id` None has nothing in stock."""
        self.store_id = store_id
        self.stale = set(dish_ids)
        self._dishes: dict[str, bytes] = {}
        self._in_order = False
        self._etag: bytes | None = None

    def render(self, view: View, dishes_max: int | None = None) -> None:
        """Render what is stale, or so much of it."""
        count = len(self.stale) if dishes_max is None else min(dishes_max, len(self.stale))
        for _ in range(count):
            self._etag = None
            dish_id = self.stale.pop()
            dish = view.get(MENU_ITEM, (dish_id,))
            if dish is None:
                self._dishes.pop(dish_id, None)
                continue
            self._in_order = self._in_order and dish_id in self._dishes
            state = availability(view, self.store_id, dish)
            self._dishes[dish_id] = orjson.dumps(menu_entry(dish, state))

    @property
    def etag(self) -> bytes:
        """The quoted hash of all that is rendered."""
        if self._etag is None:
            digest = blake2b(b",".join(self._sorted().values()), digest_size=16)
            digest.update(repr(self.store_id).encode())
            self._etag = b'"%b"' % digest.hexdigest().encode()
        return self._etag

    def page(self, after: str | None, limit: int | None) -> tuple[bytes, str | None]:
        """Return the dishes behind an id as a JSON array, and the last id if more follow."""
        dishes = self._sorted()
        if after is None and limit is None:
            return b"[" + b",".join(dishes.values()) + b"]", None
        ids = list(dishes)
        start = 0 if after is None else bisect_right(ids, after)
        shown = ids[start:] if limit is None else ids[start : start + limit]
        more = start + len(shown) < len(ids)
        return b"[" + b",".join(map(dishes.__getitem__, shown)) + b"]", shown[-1] if more else None

    def _sorted(self) -> dict[str, bytes]:
        if not self._in_order:
            self._dishes = dict(sorted(self._dishes.items()))
            self._in_order = True
        return self._dishes


class TenantMenus:
    """The menus of one tenant's stores, which follow its events."""

    def __init__(self, reading: Reading) -> None:
        #: The newest event that it knows of.
        self.sequence = reading.sequence
        self._dishes = DishIndex(reading)
        self._menus: OrderedDict[str | None, Menu] = OrderedDict()

    def of_store(self, store_id: str | None) -> Menu:
        """Return the menu of a store, with what is stale in it."""
        menu = self._menus.get(store_id)
        if menu is None:
            menu = self._menus[store_id] = Menu(store_id, self._dishes.skus_of)
            if len(self._menus) > STORES_KEPT_MAX:
                self._menus.popitem(last=False)
        else:
            self._menus.move_to_end(store_id)
        return menu

    def afresh(self, store_id: str | None) -> Menu:
        """Return a menu of a store that is not kept, and all of it stale."""
        return Menu(store_id, self._dishes.skus_of)

    def note(self, event: Event, changes: Sequence[Change]) -> None:
        """Follow an event that was just committed."""
        self.sequence = event.sequence
        for change in changes:
            table, key, _ = change
            if table is STOCK:
                store_id, sku = key
                menu = self._menus.get(store_id)
                if menu is not None:
                    menu.stale.update(self._dishes.with_sku(sku))
            elif table is ITEM:
                self._mark(self._dishes.with_sku(key[0]))
            elif table is MENU_ITEM:
                self._dishes.note(change)
                self._mark(key)

    def _mark(self, dish_ids: Iterable[str]) -> None:
        for menu in self._menus.values():
            menu.stale.update(dish_ids)


class Menus:
    """The menus of all tenants that were asked for one."""

    def __init__(self) -> None:
        #: A ledger that is closed takes its menus with it.
        self._of: WeakKeyDictionary[Ledger, tuple[TenantMenus, Callable[[], None]]]
        self._of = WeakKeyDictionary()

    async def current(
        self, ledger: Ledger, choose: Callable[[Reading], str | None]
    ) -> tuple[Reading, Menu]:
        """Read a tenant's records, and the menu of a store as of exactly these.

        While deadlines are only worked out, so is the menu, and nothing of it is kept.

        Args:
            ledger: the tenant's.
            choose: says which store is meant, with one of its refusals if need be; None for a
                tenant without stores.
        """
        reading = await ledger.read()
        store_id = choose(reading)
        menu = self._of_store(ledger, reading, store_id)
        for _ in range(len(menu.stale) // DISHES_AT_ONCE if reading.exact else 0):
            menu.render(reading, DISHES_AT_ONCE)
            await asyncio.sleep(0)
            reading = await ledger.read()
            menu = self._of_store(ledger, reading, store_id)
        menu.render(reading)
        return reading, menu

    def _of_store(self, ledger: Ledger, reading: Reading, store_id: str | None) -> Menu:
        menus = self._of_tenant(ledger, reading)
        return menus.of_store(store_id) if reading.exact else menus.afresh(store_id)

    def _of_tenant(self, ledger: Ledger, reading: Reading) -> TenantMenus:
        """Return a tenant's menus; if they missed an event, because they failed at it, new ones."""
        known = self._of.get(ledger)
        if known is not None:
            menus, unfollow = known
            if menus.sequence == reading.sequence:
                return menus
            unfollow()
        menus = TenantMenus(reading)
        self._of[ledger] = menus, ledger.follow(menus.note, waits=False)
        return menus
