"""A pizza place's orders are replayed, and every gram of its ingredients is accounted for."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx2
import pytest
from rich.console import Console
from rich.progress import Progress

from bench.errors import BenchFailed
from bench.pizza_year import Year
from bench.pizzeria import RESERVE_G, STORE, replay
from tests.e2e.processes import Server


@pytest.fixture(scope="module")
def year(shared_data: Path) -> Year:
    return Year(shared_data / "pizzaplace_mit")


def test_the_data_set_is_the_one_that_is_described(year: Year) -> None:
    assert len(year.orders) == 21_350
    assert sum(order.dishes.total() for order in year.orders) == 49_574
    assert (len(year.pizzas), len(year.months())) == (91, 12)
    assert all(qty > 0 for pizza in year.pizzas.values() for qty in pizza.recipe.values())


@pytest.mark.timeout(300)
def test_after_a_month_of_orders_every_gram_is_accounted_for(tmp_path: Path, year: Year) -> None:
    with Server(tmp_path, RATE_LIMIT_RPS="0").running() as server:
        done = asyncio.run(replay(server.url, year, months=1))
        assert done.orders == 1_845
        assert done.left == Counter(dict.fromkeys(year.ingredients, RESERVE_G))
        dough = f"{server.url}/api/v1/stores/{STORE}/inventory/dough"
        assert httpx2.get(dough).json()["onHand"] == RESERVE_G


@pytest.mark.timeout(300)
def test_a_gram_that_is_missing_is_noticed(tmp_path: Path, year: Year) -> None:
    with Server(tmp_path, RATE_LIMIT_RPS="0").running() as server:
        garlic = {"storeId": STORE, "sku": "garlic", "qty": 1}
        found = httpx2.post(f"{server.url}/api/v1/inventory/receive", json=garlic)
        assert found.status_code == 200
        with pytest.raises(BenchFailed, match="garlic"):
            asyncio.run(replay(server.url, year, months=0))


@pytest.mark.campaign
@pytest.mark.timeout(1800)
def test_after_a_year_of_orders_every_gram_is_accounted_for(tmp_path: Path, year: Year) -> None:
    server = Server(tmp_path, RATE_LIMIT_RPS="0")
    with server.running(), Progress(console=Console(stderr=True)) as progress:
        orders = progress.add_task("orders", total=len(year.orders))
        done = asyncio.run(replay(server.url, year, on_order=lambda: progress.advance(orders)))
    assert (done.orders, done.pizzas) == (21_350, 49_574)
