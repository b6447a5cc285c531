"""The demo's restaurants: a pizzeria and a bar, tenants of their own beside the coffee shops.

What they have is written down in YAML. Loading it again changes nothing: what is there already is
left alone, and stock comes in as a load with a mark.
"""

from pathlib import Path
from typing import Any, Final

import httpx2
import orjson
import stamina
import yaml

from holdfast.demo import chain
from holdfast.importer.api import connect
from holdfast.importer.errors import UNAVAILABLE, CommandFailed

NAMES: Final = ("pizza", "bar")
_HERE: Final = Path(__file__).parent
_SOURCE: Final = "demo"
_PATIENCE_S: Final = 10.0
_NOT_NOW: Final = {httpx2.codes.TOO_MANY_REQUESTS, httpx2.codes.SERVICE_UNAVAILABLE}

Json = dict[str, Any]


def restaurant(name: str) -> Json:
    """Read a restaurant's file: `tenant`, `store`, `ingredients` and `dishes`."""
    found: Json = yaml.safe_load((_HERE / f"{name}.yaml").read_text("utf-8"))
    return found


def load(url: str) -> None:
    """Load the restaurants, and what the coffee shops' products are.

    Raises:
        CommandFailed: the server did not take it.
    """
    with connect(url) as client:
        for row in chain.rows("stores"):
            _make(client, "/locations", {"storeId": row["store_id"], "name": row["name"]})
        for row in chain.rows("items"):
            _make(client, "/items", _product(row))
    for name in NAMES:
        _load(url, restaurant(name))


def _product(row: dict[str, str]) -> Json:
    return {
        **{name: row[name] for name in ("sku", "name", "category", "unit")},
        "price": int(row["price"]),
        "lowStockThreshold": int(row["low_stock_threshold"]),
    }


def _load(url: str, plan: Json) -> None:
    with connect(url) as client:
        _make(client, "/sys/provision", plan["tenant"])
    with connect(url, plan["tenant"]["tenantId"]) as client:
        _make(client, "/locations", plan["store"])
        for sku, (name, category, unit, low_at, _) in plan["ingredients"].items():
            item = {"sku": sku, "name": name, "category": category, "unit": unit}
            _make(client, "/items", item | {"lowStockThreshold": low_at})
        for dish_id, (name, category, price, recipe) in plan["dishes"].items():
            dish = {"id": dish_id, "name": name, "category": category, "price": price}
            lines = [{"sku": sku, "qty": qty} for sku, qty in recipe.items()]
            _make(client, "/manager/menu", dish | {"recipe": lines})
        _stock(client, plan)


def _stock(client: httpx2.Client, plan: Json) -> None:
    """Take in what is on hand; what an earlier load took in counts once."""
    known = client.get(f"/api/v1/batch/sources/{_SOURCE}")
    mark = known.json()["mark"] if known.is_success else 0
    rows = [
        {"op": "receive", "storeId": plan["store"]["storeId"], "sku": sku, "qty": on_hand}
        for sku, (*_, on_hand) in plan["ingredients"].items()
    ]
    left = [row | {"line": line} for line, row in enumerate(rows, start=1) if line > mark]
    if left:
        answer = client.post(
            f"/api/v1/batch?source={_SOURCE}&after={mark}",
            content=b"\n".join(map(orjson.dumps, left)),
            headers={"Content-Type": "application/x-ndjson"},
        )
        _demand(answer)


@stamina.retry(on=httpx2.HTTPStatusError, timeout=_PATIENCE_S)
def _make(client: httpx2.Client, path: str, body: Json) -> None:
    """Make something, unless it is there."""
    answer = client.post(f"/api/v1{path}", json=body)
    if answer.status_code in _NOT_NOW:
        answer.raise_for_status()
    if answer.status_code != httpx2.codes.CONFLICT:
        _demand(answer)


def _demand(answer: httpx2.Response) -> None:
    if not answer.is_success:
        raise CommandFailed(f"{answer.request.url} said {answer.text}", UNAVAILABLE)
