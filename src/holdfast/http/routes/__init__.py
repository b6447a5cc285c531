"""The route table: every endpoint that there is, by noun."""

from typing import Final

from holdfast.http.endpoint import Endpoint
from holdfast.http.routes import (
    batch,
    checkout,
    debug,
    docs,
    feed,
    health,
    inventory,
    reservations,
    stock,
    sys,
)

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *stock.ENDPOINTS,
    *inventory.ENDPOINTS,
    *reservations.ENDPOINTS,
    *checkout.ENDPOINTS,
    *feed.ENDPOINTS,
    *batch.ENDPOINTS,
    *sys.ENDPOINTS,
    *health.ENDPOINTS,
    *docs.ENDPOINTS,
    *debug.ENDPOINTS,
)

#: Without those of drills.
ORDINARY: Final = tuple(each for each in ENDPOINTS if each.tag != debug.TAG)
