"""Decisions about dishes and their recipes."""

from holdfast.domain.commands import DeleteMenuItem, PutMenuItem, SetRecipe
from holdfast.domain.decide.catalogue import require_place
from holdfast.domain.decide.draft import Draft, require_version
from holdfast.domain.decide.stock import Fact, merge_lines
from holdfast.domain.records import MENU_ITEM, Line, MenuItem
from holdfast.domain.rejections import invalid, unknown
from holdfast.domain.values import QUANTITY_MAX


def put_menu_item(draft: Draft, action: PutMenuItem) -> Fact | None:
    """Put a dish on the menu, or replace it."""
    before = draft.record(MENU_ITEM, (action.id,))
    require_place("dish", action.id, before, action)
    dish = MenuItem(
        action.id,
        action.name,
        action.price,
        action.category,
        action.is_available,
        action.recipe,
        action.description,
        action.image_url,
    )
    return _put(draft, before, dish)


def set_recipe(draft: Draft, action: SetRecipe) -> Fact | None:
    """Say what a portion takes; the rest of the dish stays."""
    before = _known(draft, action.id, action.expected_version)
    return _put(draft, before, before._replace(recipe=action.recipe))


def _put(draft: Draft, before: MenuItem | None, wanted: MenuItem) -> Fact | None:
    key = wanted.key
    version = draft.last_version(MENU_ITEM, key) + 1
    recipe = _merged(wanted.recipe)
    dish = wanted._replace(recipe=recipe, version=version, updated_at=draft.now)
    if before is not None and dish == before._replace(version=version, updated_at=draft.now):
        draft.show(MENU_ITEM, key, before)
        return None
    draft.put(MENU_ITEM, key, dish)
    return "MenuItemCreated" if before is None else "MenuItemChanged", {}


def _merged(recipe: tuple[Line, ...]) -> tuple[Line, ...]:
    merged = merge_lines(recipe)
    for line in merged:
        if line.qty > QUANTITY_MAX:
            raise invalid("/recipe", f"A portion would take more than {QUANTITY_MAX} {line.sku}.")
    return merged


def delete_menu_item(draft: Draft, action: DeleteMenuItem) -> Fact:
    """Take a dish off the menu."""
    dish = _known(draft, action.id, action.expected_version)
    draft.delete(MENU_ITEM, dish.key)
    return "MenuItemDeleted", {}


def _known(draft: Draft, dish_id: str, expected: int | None) -> MenuItem:
    dish = draft.record(MENU_ITEM, (dish_id,))
    if dish is None:
        raise unknown("dish", dish_id)
    require_version(f"The dish {dish_id}", dish.version, expected)
    return dish
