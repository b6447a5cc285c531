"""The route table: every endpoint that there is, by noun."""

from typing import Final

from holdfast.http.endpoint import Endpoint
from holdfast.http.routes import (
    alerts,
    batch,
    catalogue,
    checkout,
    debug,
    docs,
    explain,
    explain_dish,
    feed,
    health,
    inventory,
    menu,
    orders,
    reservations,
    stock,
    sys,
)

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *stock.ENDPOINTS,
    *explain.ENDPOINTS,
    *explain_dish.ENDPOINTS,
    *inventory.ENDPOINTS,
    *reservations.ENDPOINTS,
    *checkout.ENDPOINTS,
    *menu.ENDPOINTS,
    *orders.ENDPOINTS,
    *catalogue.ENDPOINTS,
    *alerts.ENDPOINTS,
    *feed.ENDPOINTS,
    *batch.ENDPOINTS,
    *sys.ENDPOINTS,
    *health.ENDPOINTS,
    *docs.ENDPOINTS,
    *debug.ENDPOINTS,
)

#: Without those of drills.
ORDINARY: Final = tuple(each for each in ENDPOINTS if each.tag != debug.TAG)
