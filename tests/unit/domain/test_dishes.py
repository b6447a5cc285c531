"""Dishes on the menu, and their recipes."""

import pytest

from holdfast.domain.commands import DeleteMenuItem, PutMenuItem, SetRecipe
from holdfast.domain.records import MENU_ITEM, Line, MenuItem
from holdfast.domain.values import QUANTITY_MAX
from tests.unit.domain.desk import NOW, Desk

PIE = PutMenuItem("pie", "Pie", 450, "sweet", True, (Line("A", 2),), "Hot.", "/pie.png", new=True)


def dish(desk: Desk) -> MenuItem:
    found = desk.get(MENU_ITEM, ("pie",))
    assert found is not None
    return found


def test_a_dish_is_made_whether_or_not_its_ingredients_are_known() -> None:
    desk = Desk()
    desk.do(PIE)
    wanted = MenuItem("pie", "Pie", 450, "sweet", True, (Line("A", 2),), "Hot.", "/pie.png", 1, NOW)
    assert dish(desk) == wanted
    assert desk.last.type == "MenuItemCreated"
    assert desk.refused(PIE).code == "already_exists"


def test_replacing_a_dish_clears_what_is_left_out() -> None:
    desk = Desk()
    desk.do(PIE)
    desk.now += 5
    desk.do(PutMenuItem("pie", "Tart", 500, expected_version=1))
    assert dish(desk) == MenuItem("pie", "Tart", 500, version=2, updated_at=NOW + 5)
    assert desk.last.type == "MenuItemChanged"


def test_a_recipe_names_each_ingredient_once() -> None:
    desk = Desk()
    desk.do(PIE)
    desk.do(SetRecipe("pie", (Line("A", 2), Line("B", 1), Line("A", 3)), 1))
    assert dish(desk).recipe == (Line("A", 5), Line("B", 1))
    assert (dish(desk).name, dish(desk).version) == ("Pie", 2)


def test_a_recipe_that_takes_more_than_can_be_counted_is_refused() -> None:
    desk = Desk()
    desk.do(PIE)
    too_much = (Line("A", QUANTITY_MAX), Line("A", 1))
    assert desk.refused(SetRecipe("pie", too_much)).code == "validation_error"
    desk.do(SetRecipe("pie", (Line("A", QUANTITY_MAX - 1), Line("A", 1))))


def test_saying_again_what_a_dish_is_changes_nothing() -> None:
    desk = Desk()
    desk.do(PIE)
    desk.do(PIE._replace(new=False))
    desk.do(SetRecipe("pie", (Line("A", 1), Line("A", 1))))
    assert len(desk.events) == 1


@pytest.mark.parametrize(
    "action", [PutMenuItem("pie", "Pie", 1), SetRecipe("pie", ()), DeleteMenuItem("pie")]
)
def test_a_dish_that_is_not_there_is_not_changed(
    action: PutMenuItem | SetRecipe | DeleteMenuItem,
) -> None:
    assert Desk().refused(action).code == "not_found"


@pytest.mark.parametrize(
    "action",
    [
        PutMenuItem("pie", "Pie", 1, expected_version=2),
        SetRecipe("pie", (), 2),
        DeleteMenuItem("pie", 2),
    ],
)
def test_a_dish_at_another_version_is_not_changed(
    action: PutMenuItem | SetRecipe | DeleteMenuItem,
) -> None:
    desk = Desk()
    desk.do(PIE)
    assert desk.refused(action).code == "version_conflict"


def test_a_new_dish_counts_on_from_the_one_that_was_deleted() -> None:
    desk = Desk()
    desk.do(PIE)
    desk.do(DeleteMenuItem("pie", 1))
    assert desk.get(MENU_ITEM, ("pie",)) is None
    assert desk.last.type == "MenuItemDeleted"
    desk.do(PIE)
    assert dish(desk).version == 2
