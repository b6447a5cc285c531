"""Puts the HTTP interface together."""

from starlette.routing import Router

from holdfast.http.edge import Edge
from holdfast.http.paths import RouteTable
from holdfast.http.routes import ENDPOINTS, ORDINARY
from holdfast.http.services import Services


def create_app(services: Services) -> Edge:
    """Return the ASGI application."""
    endpoints = ORDINARY if services.faults is None else ENDPOINTS
    return Edge(services, RouteTable(endpoints), Router())
