"""The interface's description, for programs and for people."""

from functools import lru_cache
from typing import Final

import orjson

from holdfast.http.answer import Answer, html_answer
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply

TAG: Final = "Description"
#: The page holds its own scripts and styles and may load nothing from anywhere else.
_POLICY: Final = (
    b"default-src 'none'; connect-src 'self'; img-src 'self' data:; font-src data:; "
    b"script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'"
)


async def go_to_docs(_: Call) -> Answer:
    """Go to the description; there are no pages yet."""
    return Answer(307, b"", None, ((b"location", b"/docs"), (b"content-length", b"0")))


async def read_openapi(_: Call) -> Answer:
    """Read this description as OpenAPI 3.1."""
    return Answer(200, _openapi_json())


async def read_docs(_: Call) -> Answer:
    """Read this description in a browser. Nothing is loaded from another host."""
    return html_answer(_page(), _POLICY)


@lru_cache(maxsize=1)
def _openapi_json() -> bytes:
    from holdfast.http.openapi import build_openapi  # noqa: PLC0415 - it describes this module too
    from holdfast.http.routes import ENDPOINTS as ALL  # noqa: PLC0415 - as above

    return orjson.dumps(build_openapi(ALL))


@lru_cache(maxsize=1)
def _page() -> bytes:
    from offapi import OpenAPITemplate  # noqa: PLC0415 - 20 MB that only this page needs

    page: str = OpenAPITemplate.SWAGGER.value.format(spec_url="openapi.json")
    page = page.replace("<title>SwaggerUI</title>", "<title>Holdfast API</title>", 1)
    # The page would otherwise ask a public service whether the description is valid.
    return page.replace("presets: [", "validatorUrl: null, presets: [", 1).encode()


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/openapi.json",
        handler=read_openapi,
        tag=TAG,
        tenant=False,
        replies={200: Reply("This description.")},
    ),
    Endpoint(
        method="GET",
        path="/docs",
        handler=read_docs,
        tag=TAG,
        tenant=False,
        replies={200: Reply("The page.", text_types=("text/html",))},
    ),
    Endpoint(
        method="GET",
        path="/",
        handler=go_to_docs,
        tag=TAG,
        tenant=False,
        replies={307: Reply("To `/docs`.")},
    ),
)
