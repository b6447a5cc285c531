"""The route table: every endpoint that there is, by noun."""

from typing import Final

from holdfast.http.endpoint import Endpoint
from holdfast.http.routes import batch, checkout, docs, feed, health, inventory, reservations, stock

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *stock.ENDPOINTS,
    *inventory.ENDPOINTS,
    *reservations.ENDPOINTS,
    *checkout.ENDPOINTS,
    *feed.ENDPOINTS,
    *batch.ENDPOINTS,
    *health.ENDPOINTS,
    *docs.ENDPOINTS,
)
