"""The peer: the least that any service written in this way costs.

Starlette routes and no middleware: orjson reads the body of a reserve, and the answers, made in
advance, are as long as Holdfast's. It decides nothing and keeps nothing. Whoever asks for the menu
has it already.
"""

import sys
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.serving import serve

RECORD: Final = "/api/v1/stores/{store_id}/inventory/{sku}"


def make_app(reserved: bytes, record: bytes, etag: str = "") -> Starlette:
    """Make the application with the answers that it gives; of the menu it is the `ETag`."""

    async def reserve(request: Request) -> Response:
        orjson.loads(await request.body())
        return Response(reserved, 201, media_type="application/json")

    async def read(_: Request) -> Response:
        return Response(record, media_type="application/json")

    async def unchanged(_: Request) -> Response:
        return Response(None, 304, {"etag": etag})

    async def ready(_: Request) -> Response:
        return Response(b"{}", media_type="application/json")

    return Starlette(
        routes=[
            Route(f"{RECORD}/reserve", reserve, methods=["POST"]),
            Route(RECORD, read),
            Route("/api/v1/menu", unchanged),
            Route("/health/readiness", ready),
        ]
    )


def answer_of(size: int) -> bytes:
    """A JSON object of exactly so many bytes."""
    return b'{"reservationId":"%s"}' % (b"0" * (size - len(b'{"reservationId":""}')))


def etag_of(size: int) -> str:
    """An `ETag` whose header has exactly so many bytes."""
    return '"%s"' % ("0" * (size - len('etag: ""\r\n')))


if __name__ == "__main__":
    port, reserved, record, unchanged = map(int, sys.argv[1:])
    serve(make_app(answer_of(reserved), answer_of(record), etag_of(unchanged)), port)
