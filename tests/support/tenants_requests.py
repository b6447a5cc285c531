"""Every kind of request that a tenant's client may send: one table, by method and address.

Whoever adds a route adds a line here; a test demands it. A line makes the body of a request out of
one tenant's own words, all of which carry the tenant's sentinel, and of a few that all tenants
share. Ids in the address are filled in by their names.
"""

import random
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson

#: What all tenants say alike, so that nothing but the tenant tells them apart.
SHARED_KEYS: Final = ("key-1", "key-2", "key-3")
SHARED_SOURCE: Final = "opening"


class Client:
    """One tenant's client: its words, and the ids that it was given."""

    def __init__(self, tenant_id: str, sentinel: str, rng: random.Random) -> None:
        self.tenant_id = tenant_id
        self.sentinel = sentinel
        self.rng = rng
        self.reservations: list[str] = []
        self.orders: list[str] = []
        self.alerts: list[str] = []

    def store(self) -> str:
        return f"store-{self.rng.randrange(2)}-{self.sentinel}"

    def sku(self) -> str:
        return f"sku-{self.rng.randrange(3)}-{self.sentinel}"

    def user(self) -> str:
        return f"user-{self.sentinel}"

    def reason(self) -> str:
        return f"because of {self.sentinel}"

    def qty(self) -> int:
        return self.rng.randrange(1, 4)

    def reservation(self) -> str:
        known = self.reservations or [f"none-{self.sentinel}"]
        return self.rng.choice(known)

    def order(self) -> str:
        return self.rng.choice(self.orders or [f"none-{self.sentinel}"])

    def alert(self) -> str:
        return self.rng.choice(self.alerts or [f"none-{self.sentinel}"])

    def dish(self) -> str:
        return f"dish-{self.rng.randrange(2)}-{self.sentinel}"

    def name(self) -> str:
        return f"name {self.sentinel}"

    def item(self) -> dict[str, Any]:
        threshold = self.rng.randrange(9)
        return {"name": self.name(), "category": self.name(), "lowStockThreshold": threshold}

    def recipe(self) -> dict[str, Any]:
        return {"recipe": [{"sku": self.sku(), "qty": 1}]}

    def portion(self) -> dict[str, Any]:
        return {"name": self.name(), "price": 100, "description": self.name(), **self.recipe()}

    def learn(self, kind: tuple[str, str], status: int, body: Any) -> None:
        """Note the ids that an answer gave."""
        if kind == ("GET", "/alerts"):
            self.alerts = [alert["id"] for alert in body["items"]]
        elif status == 201 and kind == ("POST", "/store/orders"):
            self.orders.append(body["id"])
        elif status == 201 and kind[1].endswith(("/reserve", "/reservations")):
            self.reservations.append(body.get("data", body)["reservationId"])

    def line(self) -> dict[str, Any]:
        return {"sku": self.sku(), "qty": self.qty()}

    def place(self) -> dict[str, Any]:
        return {"storeId": self.store(), **self.line(), "reason": self.reason()}

    def rows(self, **more: Any) -> bytes:
        """Return a batch of two rows."""
        rows = [{"op": op, **self.place(), **more} for op in ("receive", "ship")]
        for number, row in enumerate(rows, start=1):
            if "line" in more:
                row["line"] = more["line"] + number
        return b"\n".join(orjson.dumps(row) for row in rows)


class Asked(NamedTuple):
    """What a line of the table makes: a body as JSON, or as bytes, and a query."""

    body: Any = None
    raw: bytes | None = None
    query: str = ""


Maker = Callable[[Client], Asked]


def _nothing(_: Client) -> Asked:
    return Asked()


def _place(client: Client) -> Asked:
    return Asked(client.place())


def _owner(client: Client) -> Asked:
    return Asked({"userId": client.user()})


def _query(*params: str) -> Maker:
    values: dict[str, Callable[[Client], str]] = {
        "storeId": Client.store,
        "sku": Client.sku,
        "userId": Client.user,
    }
    return lambda client: Asked(
        query="&".join(
            f"{name}={values[name](client)}" for name in params if client.rng.random() < 0.5
        )
    )


def _batch(client: Client) -> Asked:
    kind = client.rng.choice(["each", "whole", "load"])
    if kind == "load":
        return Asked(raw=client.rows(line=0), query=f"source={SHARED_SOURCE}&after=0")
    return Asked(raw=client.rows(), query="atomic=true" if kind == "whole" else "")


def _transfer(client: Client) -> Asked:
    stores = {"fromStoreId": client.store(), "toStoreId": client.store()}
    return Asked({**stores, "lines": [client.line()]})


def _checkout(client: Client) -> Asked:
    body = {"sku": client.sku(), "quantity": client.qty(), "userId": client.user()}
    return Asked({**body, "storeId": client.store(), "ttlSeconds": 86_400})


def _end_checkout(client: Client) -> Asked:
    return Asked({"reservationId": client.reservation(), "userId": client.user()})


_ONE: Final = "/stores/{storeId}/inventory/{sku}"
_HELD: Final = "/reservations/{reservationId}"
_ITEM: Final = "/items/{sku}"
_LOCATION: Final = "/locations/{storeId}"
_DISH: Final = "/manager/menu/{dishId}"
_ORDER: Final = "/store/orders/{orderId}"

MAKERS: Final[dict[tuple[str, str], Maker]] = {
    ("POST", f"{_ONE}/reserve"): lambda c: Asked(
        {"qty": c.qty(), "userId": c.user(), "ttlSeconds": 86_400}
    ),
    ("POST", f"{_ONE}/adjust"): lambda c: Asked({"delta": c.qty(), "reason": c.reason()}),
    ("POST", f"{_ONE}/count"): lambda c: Asked({"counted": 9, "reason": c.reason()}),
    ("POST", f"{_ONE}/out"): lambda c: Asked({"isOut": c.rng.random() < 0.5, "reason": c.reason()}),
    ("GET", _ONE): _nothing,
    ("GET", "/stores/{storeId}/inventory"): _nothing,
    ("GET", "/stock"): _query("storeId", "sku"),
    ("GET", "/stock/{sku}"): _nothing,
    ("POST", "/inventory/receive"): _place,
    ("POST", "/inventory/ship"): _place,
    ("POST", "/inventory/adjust"): lambda c: Asked(
        {"storeId": c.store(), "sku": c.sku(), "delta": -1, "reason": c.reason()}
    ),
    ("POST", "/inventory/transfer"): _transfer,
    ("POST", "/reservations"): lambda c: Asked(
        {
            "storeId": c.store(),
            "userId": c.user(),
            "lines": [c.line(), c.line()],
            "ttlSeconds": 86_400,
        }
    ),
    ("GET", "/reservations"): _query("storeId", "userId"),
    ("GET", _HELD): _nothing,
    ("POST", f"{_HELD}/confirm"): _owner,
    ("POST", f"{_HELD}/cancel"): _owner,
    ("POST", f"{_HELD}/extend"): lambda c: Asked({"userId": c.user(), "ttlSeconds": 86_400}),
    ("GET", "/inventory"): _query("storeId"),
    ("GET", "/inventory/{sku}"): _query("storeId"),
    ("POST", "/inventory/reserve"): _checkout,
    ("POST", "/checkout/confirm"): _end_checkout,
    ("POST", "/checkout/cancel"): _end_checkout,
    ("GET", "/events"): lambda c: Asked(query=f"after={c.rng.randrange(9)}"),
    ("GET", "/transactions"): _query("storeId", "sku"),
    ("POST", "/batch"): _batch,
    ("GET", "/batch/sources/{name}"): _nothing,
    ("GET", "/store/config"): _nothing,
    ("GET", f"{_ONE}/explain"): _nothing,
    ("GET", "/menu/{dishId}/explain"): _query("storeId"),
    ("POST", "/items"): lambda c: Asked({"sku": c.sku(), **c.item()}),
    ("GET", "/items"): _nothing,
    ("GET", _ITEM): _nothing,
    ("PUT", _ITEM): lambda c: Asked(c.item()),
    ("DELETE", _ITEM): _nothing,
    ("POST", "/locations"): lambda c: Asked({"storeId": c.store(), "name": c.name()}),
    ("GET", "/locations"): _nothing,
    ("GET", "/stores"): _nothing,
    ("GET", _LOCATION): _nothing,
    ("PUT", _LOCATION): lambda c: Asked({"name": c.name(), "address": c.name()}),
    ("DELETE", _LOCATION): _nothing,
    ("POST", "/manager/menu"): lambda c: Asked({"id": c.dish(), **c.portion()}),
    ("GET", "/manager/menu"): _nothing,
    ("GET", _DISH): _nothing,
    ("PUT", _DISH): lambda c: Asked(c.portion()),
    ("PUT", f"{_DISH}/recipe"): lambda c: Asked(c.recipe()),
    ("DELETE", _DISH): _nothing,
    ("GET", "/menu"): _query("storeId"),
    ("GET", "/store/menu"): _query("storeId"),
    ("POST", "/store/orders"): lambda c: Asked(
        {
            "items": [{"id": c.dish(), "qty": 1}],
            "customer": c.name(),
            "storeId": c.store(),
        }
    ),
    ("GET", "/manager/orders"): _query("storeId"),
    ("GET", _ORDER): _nothing,
    ("POST", f"{_ORDER}/confirm"): lambda _: Asked({}),
    ("POST", f"{_ORDER}/cancel"): lambda _: Asked({}),
    ("GET", "/alerts"): _nothing,
    ("POST", "/alerts/{alertId}/ack"): lambda _: Asked({}),
}


def address(path: str, client: Client) -> str:
    """Fill the ids into an address."""
    ids: dict[str, Callable[[], str]] = {
        "{storeId}": client.store,
        "{sku}": client.sku,
        "{reservationId}": client.reservation,
        "{orderId}": client.order,
        "{alertId}": client.alert,
        "{dishId}": client.dish,
        "{name}": lambda: SHARED_SOURCE,
    }
    for name, value in ids.items():
        if name in path:
            path = path.replace(name, value())
    return path
