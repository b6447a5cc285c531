"""What the database peers share: Holdfast's reserve, asked and answered in the same bytes.

A peer is what a good programmer writes in its place: one Starlette route without middleware in
front of a database that does the deciding. It keeps each reservation durably before it answers
and never sells what is not there. It knows no idempotency keys, no deadlines, no other tenant, no
limiter, no log and no metrics, so all that Holdfast does beyond it is on Holdfast's account.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, Protocol

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils import uuid7

from bench.bare_route import RECORD
from holdfast.domain.values import instant_text

_JSON: Final = "application/json"


class Asked(NamedTuple):
    """A reservation to be made. Times are in ms since 1970."""

    reservation_id: str
    store_id: str
    sku: str
    qty: int
    user_id: str
    created_ms: int
    expires_ms: int


class Stock(NamedTuple):
    """A stock record after a reservation."""

    on_hand: int
    reserved: int
    version: int


class Shop(Protocol):
    """A database that holds stock."""

    async def open(self, store_id: str, skus: list[str], on_hand: int) -> None:
        """Connect; put so much of every SKU on hand, unless it was done before."""

    async def reserve(self, asked: Asked) -> Stock | None:
        """Reserve durably, and return the stock after it; None when there is too little."""

    async def reservations(self) -> int:
        """Count the reservations that are kept."""

    async def close(self) -> None:
        """Disconnect."""


def make_app(shop: Shop, store_id: str, skus: list[str], on_hand: int) -> Starlette:
    """Make the application in front of a database."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await shop.open(store_id, skus, on_hand)
        try:
            yield
        finally:
            await shop.close()

    async def reserve(request: Request) -> Response:
        asked = _asked(request.path_params, orjson.loads(await request.body()))
        if asked is None:
            return Response(b'{"code":"validation_error"}', 400, media_type=_JSON)
        stock = await shop.reserve(asked)
        if stock is None:
            return Response(b'{"code":"insufficient_stock"}', 409, media_type=_JSON)
        headers = {"x-request-id": str(uuid7()), "etag": '"1"'}
        return Response(reserved(asked, stock), 201, headers, _JSON)

    async def ready(_: Request) -> Response:
        return Response(b"{}", media_type=_JSON)

    async def events(_: Request) -> Response:
        body = orjson.dumps({"lastSequence": await shop.reservations()})
        return Response(body, media_type=_JSON)

    return Starlette(
        routes=[
            Route(f"{RECORD}/reserve", reserve, methods=["POST"]),
            Route("/health/readiness", ready),
            Route("/api/v1/events", events),
        ],
        lifespan=lifespan,
    )


def _asked(path: dict[str, str], body: dict[str, Any]) -> Asked | None:
    qty, user_id, ttl_s = body.get("qty"), body.get("userId"), body.get("ttlSeconds", 300)
    if type(qty) is not int or qty < 1 or type(user_id) is not str or type(ttl_s) is not int:
        return None
    now = time.time_ns() // 1_000_000
    mine = str(uuid7())
    return Asked(mine, path["store_id"], path["sku"], qty, user_id, now, now + ttl_s * 1000)


def reserved(asked: Asked, stock: Stock) -> bytes:
    """The answer: the reservation, and the stock after it, as Holdfast writes them."""
    created = instant_text(asked.created_ms)
    available = stock.on_hand - stock.reserved
    return orjson.dumps(
        {
            "reservationId": asked.reservation_id,
            "storeId": asked.store_id,
            "userId": asked.user_id,
            "status": "active",
            "lines": [{"sku": asked.sku, "qty": asked.qty}],
            "createdAt": created,
            "expiresAt": instant_text(asked.expires_ms),
            "endedAt": None,
            "version": 1,
            "stock": {
                "storeId": asked.store_id,
                "sku": asked.sku,
                "onHand": stock.on_hand,
                "reserved": stock.reserved,
                "available": available,
                "sellable": available,
                "qty": available,
                "isOut": False,
                "version": stock.version,
                "updatedAt": created,
            },
        }
    )
