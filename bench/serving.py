"""How a peer is served: uvicorn, event loop, HTTP parser and garbage collector as in Holdfast."""

import gc
from typing import Final, Literal

import uvicorn
from starlette.applications import Starlette

_GC_THRESHOLDS: Final = (50_000, 1_000_000, 1_000_000)


def collect_as_the_service_does() -> None:
    """Set the garbage collector, and leave what is there now alone."""
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.collect()
    gc.freeze()


def serve(app: Starlette, port: int, lifespan: Literal["on", "off"] = "off") -> None:
    """Serve on loopback until told to end."""
    collect_as_the_service_does()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        http="httptools",
        loop="uvloop",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
