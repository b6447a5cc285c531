"""Puts the HTTP interface together."""

from starlette.routing import Router

from holdfast.http.access import rules_of
from holdfast.http.edge import Edge
from holdfast.http.guard import GuardedEdge
from holdfast.http.live.sockets import Sockets
from holdfast.http.paths import RouteTable
from holdfast.http.routes import served
from holdfast.http.services import Services


def create_app(services: Services) -> Edge:
    """Return the ASGI application.

    Raises:
        LookupError: a route has no rule that says who may ask for it.
    """
    config = services.config
    endpoints = served(drills=services.faults is not None, users=services.accounts is not None)
    rules_of(endpoints)
    if services.accounts is not None:
        # WebSockets ask nobody who they are yet, so there are none where everybody is asked.
        return GuardedEdge(services, endpoints, Router())
    sockets = Sockets(services)
    edge = (
        GuardedEdge(services, endpoints, sockets)
        if config.cors_origins or config.trusted_proxies
        else Edge(services, RouteTable(endpoints), sockets)
    )
    sockets.charge = edge.limiter.take
    return edge
