"""Puts the HTTP interface together."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.routing import Router

from holdfast.http.edge import Edge
from holdfast.http.paths import RouteTable
from holdfast.http.routes import ENDPOINTS
from holdfast.http.services import Services

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def create_app(services: Services, lifespan: Lifespan | None = None) -> Edge:
    """Return the ASGI application; `lifespan` runs around it, when the server asks for that."""
    return Edge(services, RouteTable(ENDPOINTS), Router(lifespan=lifespan))
