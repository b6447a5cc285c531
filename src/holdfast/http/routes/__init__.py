"""The route table: every endpoint that there is, by noun."""

from typing import Final

from holdfast.http.endpoint import Endpoint
from holdfast.http.routes import (
    alerts,
    auth,
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
    *auth.ENDPOINTS,
    *debug.ENDPOINTS,
)


def served(*, drills: bool, users: bool) -> tuple[Endpoint, ...]:
    """Return the endpoints of a server, which may do without those of drills or of users."""
    left_out = {tag for tag, wanted in ((debug.TAG, drills), (auth.TAG, users)) if not wanted}
    return tuple(each for each in ENDPOINTS if each.tag not in left_out)
