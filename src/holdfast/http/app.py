"""Puts the HTTP interface together."""

from holdfast.http.edge import Edge
from holdfast.http.live.sockets import Sockets
from holdfast.http.paths import RouteTable
from holdfast.http.routes import ENDPOINTS, ORDINARY
from holdfast.http.services import Services


def create_app(services: Services) -> Edge:
    """Return the ASGI application."""
    endpoints = ORDINARY if services.faults is None else ENDPOINTS
    sockets = Sockets(services)
    edge = Edge(services, RouteTable(endpoints), sockets)
    sockets.charge = edge.limiter.take
    return edge
