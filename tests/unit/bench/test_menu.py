import random
from http.client import HTTPConnection
from io import BytesIO
from typing import Any, cast

import orjson
import pytest

from bench import menu
from bench.bare_route import etag_of
from bench.errors import BenchFailed
from bench.menu import NO_OP, UNCHANGED, MenuRun, ask, menu_figures, read_after_changes, write_menu
from bench.rounds import Load
from bench.server import Server
from bench.stock import sku
from tests.unit.bench.test_rounds import a_slice


class Shop:
    """Answers as a service does, or, if it is `lazy`, shows the same menu for ever."""

    def __init__(self, lazy: bool = False) -> None:
        self.lazy = lazy
        self.asked: list[tuple[str, str, Any]] = []
        self.status = 200

    def close(self) -> None:
        """A connection of HTTP opens again by itself."""

    def request(self, method: str, path: str, body: bytes | None, _: object) -> None:
        self.asked.append((method, path, body and orjson.loads(body)))

    def getresponse(self) -> "Shop":
        return self

    @property
    def headers(self) -> dict[str, str]:
        return {"ETag": "same" if self.lazy else str(len(self.asked))}

    def read(self) -> bytes:
        return BytesIO(orjson.dumps({"items": [{}] * menu.DISHES})).read()


def connection(shop: Shop) -> HTTPConnection:
    return cast("HTTPConnection", shop)


def test_every_dish_has_five_ingredients_of_the_opening_stock(seed: int) -> None:
    shop = Shop()
    used = write_menu(connection(shop), random.Random(seed))
    recipes = [{line["sku"] for line in body["recipe"]} for _, _, body in shop.asked]
    assert len(recipes) == menu.DISHES
    assert {len(recipe) for recipe in recipes} == {menu.INGREDIENTS}
    assert {sku(number) for number in used} == set().union(*recipes)


def test_every_read_follows_a_change_and_what_was_out_is_back_at_the_end(seed: int) -> None:
    shop = Shop()
    assert len(list(read_after_changes(connection(shop), random.Random(seed), [3, 4]))) > 0
    marked: dict[str, bool] = {}
    for method, path, body in shop.asked:
        if method == "POST":
            marked[path] = body["isOut"]
    assert len(marked) == 2
    assert not any(marked.values())


def test_a_change_that_does_not_show_gives_no_figure() -> None:
    with pytest.raises(BenchFailed, match="but the menu was not"):
        list(read_after_changes(connection(Shop(lazy=True)), random.Random(1), [3]))


def test_a_refusal_gives_no_figure() -> None:
    shop = Shop()
    shop.status = 409
    with pytest.raises(BenchFailed, match="409"):
        ask(connection(shop), "POST", "/api/v1/manager/menu", {})


def test_a_304_may_cost_half_as_much_again_as_a_route_that_does_nothing() -> None:
    def figures(cost: float) -> dict[str, bool | None]:
        slices = [a_slice(UNCHANGED, 1, 1000, cost), a_slice(NO_OP, 1, int(1000 * cost), 1.0)]
        found = menu_figures(MenuRun([4.0, 6.0, 5.0], slices))
        return {each.key: each.is_met for each in found}

    assert figures(1.5)["menu_304_vs_bare"] is True
    assert figures(1.6)["menu_304_vs_bare"] is False
    assert figures(1.5)["menu_changed"] is True


def test_the_clients_send_the_etag_that_they_have_and_the_bare_one_is_as_long() -> None:
    nobody = cast("Server", None)
    assert Load("menu", nobody, 1, etag='"e"').script_args(7) == ("menu", 7, '"e"')
    assert Load("read", nobody, 9, writes=False).script_args(7)[:3] == ("read", 7, 9)
    assert len(f"etag: {etag_of(90)}\r\n") == 90
