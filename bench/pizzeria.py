"""A pizza place's year, replayed as orders with confirms over HTTP, and weighed at the end.

Goods are delivered once a month: what the month's orders will use, and a reserve of each. Several
clients place the orders of a month and confirm each; at the end every ingredient must be there to
the gram: delivered minus used.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2
import orjson

from bench.errors import BenchFailed
from bench.figures import Figure
from bench.machine import Cores
from bench.pizza_year import Order, Year
from bench.plan import Plan, Say
from bench.server import ROOT
from bench.stock import UNLIMITED, holdfast

STORE: Final = "PIZZERIA"
#: Grams of each ingredient that are delivered beyond what is needed.
RESERVE_G: Final = 500
CLIENTS: Final = 8
_TIMEOUT_S: Final = 60
_SAID_EVERY: Final = 100

#: Called after each order that was confirmed.
OnOrder = Callable[[], None]


class Replayed(NamedTuple):
    """What was done: orders, pizzas, and the grams of each ingredient that must be left."""

    orders: int
    pizzas: int
    left: Counter[str]


class Timed(NamedTuple):
    """A replay, and how long it took with its setting up and its weighing, in s."""

    replayed: Replayed
    took_s: float


def run_pizzas(folder: Path, plan: Plan, cores: Cores | None, say: Say) -> Timed | None:
    """Replay the year; None where its data are not beside the checkout.

    Raises:
        BenchFailed: an answer was not as it must be, or a weight is wrong.
    """
    data = pizzeria_data(ROOT)
    if not data.is_dir():
        return None
    year = Year(data)
    due = sum(len(orders) for _, orders in year.months()[: plan.months])
    done = 0

    def on_order() -> None:
        nonlocal done
        done += 1
        if done % _SAID_EVERY == 0:
            say(f"orders of a pizza place: {done:,} of {due:,}")

    core = None if cores is None else cores.server
    with holdfast("holdfast-pizzas", folder / "pizzas", core, UNLIMITED) as server:
        began = time.monotonic()
        replayed = asyncio.run(replay(server.url, year, months=plan.months, on_order=on_order))
        return Timed(replayed, time.monotonic() - began)


def pizza_figures(timed: Timed | None) -> list[Figure]:
    """The figures of a replay, or why there are none."""
    title = f"orders of a pizza place, placed and confirmed by {CLIENTS} clients"
    if timed is None:
        note = f"the data set is not in {pizzeria_data(ROOT)}"
        return [Figure("pizza_orders_per_s", title, "/s", None, note=note)]
    replayed, took_s = timed
    return [
        Figure("pizza_orders_per_s", title, "/s", replayed.orders / took_s),
        Figure("pizza_orders", "orders of a pizza place, to the gram", "", replayed.orders),
    ]


async def replay(
    url: str, year: Year, *, months: int = 12, on_order: OnOrder = lambda: None
) -> Replayed:
    """Set up the menu, deliver and sell month by month, and weigh what is left.

    Args:
        url: the server's address.
        year: the orders.
        months: how many months of it.
        on_order: is called after each order.

    Raises:
        BenchFailed: an answer was not as it must be, or a weight is wrong.
    """
    async with httpx2.AsyncClient(
        base_url=f"{url}/api/v1", timeout=_TIMEOUT_S, trust_env=False
    ) as client:
        await _set_up(client, year)
        left: Counter[str] = Counter()
        sold: list[Order] = []
        for _, orders in year.months()[:months]:
            delivery = Counter(dict.fromkeys(year.ingredients, RESERVE_G)) + year.grams(orders)
            await _deliver(client, delivery)
            await _sell(client, orders, on_order)
            left += delivery
            left -= year.grams(orders)
            sold += orders
        await _weigh(client, left)
    return Replayed(len(sold), sum(order.dishes.total() for order in sold), left)


async def _set_up(client: httpx2.AsyncClient, year: Year) -> None:
    for sku, name in sorted(year.ingredients.items()):
        item = {"sku": sku, "name": name, "category": "ingredients", "unit": "g"}
        await _post(client, "/items", item, 201)
    for pizza in year.pizzas.values():
        recipe = [{"sku": sku, "qty": grams} for sku, grams in pizza.recipe.items()]
        dish = {"id": pizza.dish_id, "name": pizza.name, "category": pizza.category}
        await _post(client, "/manager/menu", {**dish, "price": pizza.price, "recipe": recipe}, 201)


async def _deliver(client: httpx2.AsyncClient, grams: Counter[str]) -> None:
    rows = [
        {"op": "receive", "storeId": STORE, "sku": sku, "qty": qty, "reason": "delivery"}
        for sku, qty in sorted(grams.items())
    ]
    answer = await client.post(
        "/batch",
        content=b"\n".join(map(orjson.dumps, rows)),
        headers={"content-type": "application/x-ndjson"},
    )
    statuses = [orjson.loads(line)["status"] for line in answer.content.splitlines()]
    if statuses != [200] * len(rows):
        raise BenchFailed(f"A delivery was not taken in: {answer.text[:500]}")


async def _sell(client: httpx2.AsyncClient, orders: list[Order], on_order: OnOrder) -> None:
    """Place and confirm every order, several at a time."""

    async def one_after_another(turns: Iterator[Order]) -> None:
        for order in turns:
            items = [{"id": dish, "qty": qty} for dish, qty in order.dishes.items()]
            wanted = {"items": items, "customer": order.number, "storeId": STORE}
            placed = await _post(client, "/store/orders", wanted, 201)
            await _post(client, f"/store/orders/{placed['id']}/confirm", {}, 200)
            on_order()

    async with asyncio.TaskGroup() as clients:
        turns = iter(orders)
        for _ in range(CLIENTS):
            clients.create_task(one_after_another(turns))


async def _post(client: httpx2.AsyncClient, path: str, body: Any, expected: int) -> Any:  # noqa: ANN401 - whatever JSON can hold
    answer = await client.post(path, json=body)
    if answer.status_code != expected:
        raise BenchFailed(f"POST {path} answered {answer.status_code}: {answer.text[:500]}")
    return answer.json()


async def _weigh(client: httpx2.AsyncClient, left: Counter[str]) -> None:
    answer = await client.get(f"/stores/{STORE}/inventory", params={"limit": 1000})
    found = {each["sku"]: (each["onHand"], each["reserved"]) for each in answer.json()["items"]}
    due = {sku: (grams, 0) for sku, grams in left.items()}
    if found != due:
        wrong = {sku: (found.get(sku), due.get(sku)) for sku, _ in found.items() ^ due.items()}
        raise BenchFailed(f"On hand and reserved are not what they must be: {wrong}")


def pizzeria_data(root: Path) -> Path:
    """Where the public data set lies beside the checkout."""
    return root.parent / "shared" / "data" / "pizzaplace_mit"
