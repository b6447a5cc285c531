"""Which dishes take a SKU: an index over the recipes, which follows their changes."""

from collections.abc import Collection

from holdfast.domain.records import MENU_ITEM, Change, MenuItem
from holdfast.ledger.port import Reading


class DishIndex:
    """From dishes to their SKUs, and back."""

    def __init__(self, reading: Reading) -> None:
        self.skus_of: dict[str, set[str]] = {}
        self._dishes_with: dict[str, set[str]] = {}
        for (dish_id,), dish in reading.records(MENU_ITEM).items():
            self._put(dish_id, dish)

    def with_sku(self, sku: str) -> Collection[str]:
        """Return the ids of the dishes whose recipes take the SKU."""
        return self._dishes_with.get(sku, ())

    def note(self, change: Change) -> None:
        """Follow the change of a dish."""
        _, (dish_id,), dish = change
        for sku in self.skus_of.pop(dish_id, ()):
            with_it = self._dishes_with[sku]
            with_it.discard(dish_id)
            if not with_it:
                del self._dishes_with[sku]
        if dish is not None:
            self._put(dish_id, dish)

    def _put(self, dish_id: str, dish: MenuItem) -> None:
        self.skus_of[dish_id] = {line.sku for line in dish.recipe}
        for sku in self.skus_of[dish_id]:
            self._dishes_with.setdefault(sku, set()).add(dish_id)
