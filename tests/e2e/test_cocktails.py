"""A bar sells real recipes until nothing can be made; every step is computed a second time."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.cocktails import Bar, Cocktail
from tests.e2e.processes import Server

STORE = "BAR"


@pytest.fixture(scope="module")
def bar(shared_data: Path) -> Bar:
    return Bar(shared_data / "iba_cocktails")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx2.Client]:
    with (
        Server(tmp_path, RATE_LIMIT_RPS="0").running() as server,
        httpx2.Client(base_url=server.url + "/api/v1", trust_env=False, timeout=30) as client,
    ):
        yield client


def test_the_recipes_that_can_be_read_are_those_and_the_others_have_a_reason(bar: Bar) -> None:
    assert len(bar.cocktails) == 81
    assert bar.refused == {
        "Champagne Cocktail": "Grand Marnier: 'few' is no number of drops",
        "Clover Club": "Egg White: 'few' is no number of drops",
        "Illegal": "Egg White: 'few' is no number of drops",
        "New York Sour": "Egg White: 'few' is no number of drops",
        "Old Cuban": "Mint Leaves: '6-8' is no number of piece",
        "Old Fashioned": "Angostura Bitters: 'few' is no number of dash",
        "Penicillin": "quarter size Sliced Fresh Ginger: '2-3' is no number of piece",
        "Southside": "Mint Leaves: '5-6' is no number of piece",
        "Tuxedo": "Maraschino Luxardo: '1/2' is no number of bar spoon",
    }


@pytest.mark.timeout(300)
def test_drinks_are_sold_until_none_can_be_made(bar: Bar, client: httpx2.Client, seed: int) -> None:
    rng = random.Random(seed)
    shelf = stocked(bar, client, rng)
    sold = 0
    while makeable := [drink for drink, portions in bar.portions(shelf).items() if portions]:
        drink = bar.cocktails[rng.choice(makeable)]
        order = answer(client.post("/store/orders", json=an_order(drink)), 201)
        confirmed = rng.random() < 0.9
        if confirmed:
            shelf -= drink.recipe
            sold += 1
        assert order["items"][0]["name"] == drink.name
        # Until it is decided what comes of the order, its ingredients are nobody else's.
        held = shelf if confirmed else shelf - drink.recipe
        assert menu_portions(client) == bar.portions(held)
        path = f"/store/orders/{order['id']}/{'confirm' if confirmed else 'cancel'}"
        answer(client.post(path, json={}), 200)
        assert menu_portions(client) == bar.portions(shelf)
    assert sold > len(bar.cocktails)
    assert_nothing_can_be_made(bar, client, shelf)
    left = answer(client.get(f"/stores/{STORE}/inventory", params={"limit": 1000}), 200)["items"]
    assert {each["sku"]: each["onHand"] for each in left if each["onHand"]} == shelf
    assert not any(each["reserved"] for each in left)


def assert_nothing_can_be_made(bar: Bar, client: httpx2.Client, shelf: Counter[str]) -> None:
    """Each drink names all that it lacks, on the menu and when it is ordered."""
    items = answer(client.get("/menu", params={"storeId": STORE}), 200)["items"]
    for item in items:
        drink = bar.cocktails[item["id"]]
        lacking = {sku for sku, qty in drink.recipe.items() if shelf[sku] < qty}
        assert not item["available"]
        assert lacking
        assert {reason["sku"] for reason in item["reasons"]} == lacking
        refused = answer(client.post("/store/orders", json=an_order(drink)), 409)
        assert refused["code"] == "insufficient_stock"
        short = {each["sku"]: each["requested"] for each in refused["details"]["shortages"]}
        assert short == {sku: drink.recipe[sku] for sku in lacking}


def stocked(bar: Bar, client: httpx2.Client, rng: random.Random) -> Counter[str]:
    """Make the menu, and take in a few portions' worth of everything."""
    most: dict[str, int] = {}
    for drink in bar.cocktails.values():
        for sku, qty in drink.recipe.items():
            most[sku] = max(most.get(sku, 0), qty)
    shelf = Counter({sku: qty * rng.randint(4, 9) for sku, qty in most.items()})
    for sku, qty in shelf.items():
        name, unit = bar.ingredients[sku]
        item = {"sku": sku, "name": name, "category": "bar", "unit": unit}
        answer(client.post("/items", json=item), 201)
        goods = {"storeId": STORE, "sku": sku, "qty": qty}
        answer(client.post("/inventory/receive", json=goods), 200)
    for drink in bar.cocktails.values():
        recipe = [{"sku": sku, "qty": qty} for sku, qty in drink.recipe.items()]
        dish = {"id": drink.drink_id, "name": drink.name, "category": drink.category}
        answer(client.post("/manager/menu", json={**dish, "price": 1200, "recipe": recipe}), 201)
    assert menu_portions(client) == bar.portions(shelf)
    return shelf


def an_order(drink: Cocktail) -> dict[str, Any]:
    items = [{"id": drink.drink_id, "qty": 1}]
    return {"items": items, "customer": "a guest", "storeId": STORE}


def menu_portions(client: httpx2.Client) -> dict[str, int]:
    items = answer(client.get("/menu", params={"storeId": STORE}), 200)["items"]
    assert all(item["available"] == (item["portions"] > 0) for item in items)
    return {item["id"]: item["portions"] for item in items}


def answer(response: httpx2.Response, expected: int) -> Any:
    assert response.status_code == expected, response.text
    return response.json()
