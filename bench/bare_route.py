"""The peer: the least that any service written in this way costs.

One Starlette route and no middleware: orjson reads the body, and the answer, made in advance, is
as long as Holdfast's. It decides nothing and keeps nothing. uvicorn, the event loop,
the HTTP parser and the garbage collector are set as the service sets them.
"""

import gc
import sys
from typing import Final

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ROUTE: Final = "/api/v1/stores/{store_id}/inventory/{sku}/reserve"
_GC_THRESHOLDS: Final = (50_000, 1_000_000, 1_000_000)


def make_app(answer: bytes) -> Starlette:
    """Make the application with the one answer that it gives."""

    async def reserve(request: Request) -> Response:
        orjson.loads(await request.body())
        return Response(answer, 201, media_type="application/json")

    async def ready(_: Request) -> Response:
        return Response(b"{}", media_type="application/json")

    return Starlette(
        routes=[Route(ROUTE, reserve, methods=["POST"]), Route("/health/readiness", ready)]
    )


def answer_of(size: int) -> bytes:
    """A JSON object of exactly so many bytes."""
    return b'{"reservationId":"%s"}' % (b"0" * (size - len(b'{"reservationId":""}')))


def serve(port: int, size: int) -> None:
    """Serve until told to end."""
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.collect()
    gc.freeze()
    uvicorn.run(
        make_app(answer_of(size)),
        host="127.0.0.1",
        port=port,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
