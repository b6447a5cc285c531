"""Where an answer leads: which request may come next, and what of the answer goes into it.

Each link is an OpenAPI link object. Clients may follow them; a test of the description does, so
that what one request made is used by the next.
"""

from typing import Any, Final

Link = dict[str, Any]


def _link(operation: str, parameters: dict[str, str], body: dict[str, str] | None = None) -> Link:
    link: Link = {"operationId": operation}
    if parameters:
        link["parameters"] = parameters
    if body is not None:
        link["requestBody"] = body
    return link


def _next_page(operation: str) -> dict[str, Link]:
    return {"nextPage": _link(operation, {"cursor": "$response.body#/nextCursor"})}


def _reservation(at: str) -> dict[str, Link]:
    """What may be done with a reservation that stands at `at` in the answer."""
    which, owner = {"reservationId": f"{at}/reservationId"}, {"userId": f"{at}/userId"}
    return {
        "reservation": _link("readReservation", which),
        "extend": _link("extendReservation", which, owner),
        "confirm": _link("confirmReservation", which, owner),
        "cancel": _link("cancelReservation", which, owner),
    }


def _record(at: str) -> dict[str, Link]:
    """What may be done with a stock record that stands at `at` in the answer."""
    place = {"storeId": f"{at}/storeId", "sku": f"{at}/sku"}
    return {
        "record": _link("readStock", place),
        "reserve": _link("reserve", place),
        "count": _link("countStock", place),
        "sku": _link("readSku", {"sku": place["sku"]}),
        "store": _link("listStoreStock", {"storeId": place["storeId"]}),
    }


def _one(noun: str, param: str, at: str, *ends: str) -> dict[str, Link]:
    """What may be done with a record of the catalogue that stands at `at` in the answer."""
    which = {param: at}
    return {
        noun.lower(): _link(f"read{noun}", which),
        "replace": _link(f"replace{noun}", which),
        "delete": _link(f"delete{noun}", which),
        **{end: _link(end, which) for end in ends},
    }


_BODY: Final = "$response.body#"
_ITEM: Final = _one("Item", "sku", f"{_BODY}/sku")
_LOCATION: Final = _one("Location", "storeId", f"{_BODY}/storeId")
_DISH: Final = _one("Dish", "dishId", f"{_BODY}/id", "replaceRecipe")
_ORDER: Final = {
    "order": _link("readOrder", {"orderId": f"{_BODY}/id"}),
    "confirm": _link("confirmOrder", {"orderId": f"{_BODY}/id"}),
    "cancel": _link("cancelOrder", {"orderId": f"{_BODY}/id"}),
    "reservation": _link("readReservation", {"reservationId": f"{_BODY}/reservationId"}),
}
_CHECKOUT_END: Final = {
    "reservationId": "$response.body#/data/reservationId",
    "userId": "$request.body#/userId",
}
_CHECKOUT: Final = {
    "confirm": _link("confirmCheckout", {}, _CHECKOUT_END),
    "cancel": _link("cancelCheckout", {}, _CHECKOUT_END),
}

#: By operation and status.
LINKS: Final[dict[tuple[str, int], dict[str, Link]]] = {
    **{
        (operation, 200): _record(_BODY)
        for operation in (
            "readStock",
            "adjustStock",
            "countStock",
            "markOut",
            "receiveGoods",
            "shipGoods",
            "adjustGoods",
        )
    },
    ("transferGoods", 200): _record(f"{_BODY}/to"),
    ("listStock", 200): _next_page("listStock"),
    ("listStoreStock", 200): _next_page("listStoreStock"),
    ("readSku", 200): _record(f"{_BODY}/stores/0"),
    ("reserve", 201): _reservation(_BODY) | _record(f"{_BODY}/stock"),
    ("createReservation", 201): _reservation(_BODY),
    ("readReservation", 200): _reservation(_BODY),
    ("extendReservation", 200): _reservation(_BODY),
    ("confirmReservation", 200): _reservation(_BODY),
    ("cancelReservation", 200): _reservation(_BODY),
    ("listReservations", 200): _next_page("listReservations"),
    ("listProducts", 200): _next_page("listProducts"),
    ("reserveProduct", 200): _CHECKOUT,
    ("reserveProduct", 201): _CHECKOUT,
    ("createItem", 201): _ITEM,
    ("replaceItem", 200): _ITEM,
    ("listItems", 200): _next_page("listItems"),
    ("createLocation", 201): _LOCATION,
    ("replaceLocation", 200): _LOCATION,
    ("listLocations", 200): _next_page("listLocations"),
    ("listStores", 200): _next_page("listStores"),
    ("createDish", 201): _DISH,
    ("replaceDish", 200): _DISH,
    ("replaceRecipe", 200): _DISH,
    ("listDishes", 200): _next_page("listDishes"),
    ("readMenu", 200): _next_page("readMenu"),
    ("readStoreMenu", 200): _next_page("readStoreMenu"),
    ("placeOrder", 201): _ORDER,
    ("readOrder", 200): _ORDER,
    ("listOrders", 200): _next_page("listOrders"),
    ("listAlerts", 200): _next_page("listAlerts")
    | {"ack": _link("acknowledgeAlert", {"alertId": f"{_BODY}/items/0/id"})},
    ("listEvents", 200): _next_page("listEvents")
    | {"goOn": _link("listEvents", {"after": "$response.body#/after"})},
    ("listTransactions", 200): _next_page("listTransactions"),
    ("applyBatch", 200): {"load": _link("readBatchSource", {"name": "$request.query.source"})},
    ("readBatchSource", 200): _next_page("readBatchSource"),
}
