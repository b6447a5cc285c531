"""One entry of the route table: what is asked, how it is answered, what it says about itself.

The table of endpoints is the only list of routes. The server finds handlers in it and the OpenAPI
description is made from it, so the two cannot disagree.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel, ValidationError

from holdfast.domain.rejections import Rejected, invalid
from holdfast.http.answer import Answer
from holdfast.http.body import BATCH_BYTES_MAX, BODY_BYTES_MAX, parse_json
from holdfast.http.call import Call
from holdfast.http.headers import Headers, is_json, media_type, refused_header
from holdfast.http.lanes import Lane
from holdfast.http.query import Param, read_query
from holdfast.http.schemas.base import Input
from holdfast.http.validation import refused

Handler = Callable[..., Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one status means."""

    description: str
    model: type[BaseModel] | None = None
    media_type: str = "application/json"
    etag: bool = False
    #: Media types in which the same may be had as text.
    text_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route and method. The handler's docstring is the description."""

    method: str
    path: str
    handler: Handler
    tag: str
    replies: Mapping[int, Reply]
    #: The codes of problems that the business may answer with, besides those of every endpoint.
    problems: tuple[str, ...] = ()
    body: type[Input] | None = None
    #: Whether an empty body stands for `{}`.
    body_optional: bool = False
    query: tuple[Param, ...] = ()
    lane: Lane = Lane.API
    #: Whether the request belongs to a tenant.
    tenant: bool = True
    #: Whether it changes something, so that it takes an `Idempotency-Key`.
    writes: bool = False
    #: Whether it takes `If-Match`.
    precondition: bool = False
    #: The media types of a body that the handler takes as it comes, in `call.raw_body`.
    raw_body: tuple[str, ...] = ()
    #: The largest body that is read; 0 when none is.
    body_bytes_max: int = field(init=False, repr=False, compare=False)
    _params: dict[str, Param] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_params", {param.name: param for param in self.query})
        object.__setattr__(self, "body_bytes_max", self._body_bytes_max())

    def _body_bytes_max(self) -> int:
        if self.raw_body:
            return BATCH_BYTES_MAX
        # Nobody expects a body of a long poll, but only behind it can a client be seen to leave.
        return BODY_BYTES_MAX if self.body is not None or self.lane is Lane.WAITING else 0

    def read_head(self, call: Call, query_string: bytes) -> None:
        """Read the query and the headers.

        Raises:
            Rejected: one of them is malformed.
        """
        if query_string or self._params:
            call.query = read_query(query_string, self._params)
        if self.writes and not self.precondition and b"if-match" in call.headers:
            raise refused_header(
                "If-Match", "This request changes more than one record, so it takes no If-Match."
            )
        if self.raw_body:
            content_type = call.headers.get(b"content-type", b"")
            if media_type(content_type) not in self.raw_body or b"content-encoding" in call.headers:
                raise unsupported(self.raw_body)

    def read_body(self, call: Call, body: bytes) -> None:
        """Give the call its body, as the endpoint takes it.

        Raises:
            Rejected: it is malformed.
        """
        if self.body is not None:
            call.body = self._parsed(call.headers, body, self.body)
        elif self.raw_body:
            call.raw_body = body

    def _parsed(self, headers: Headers, body: bytes, model: type[Input]) -> Input:
        if not body and self.body_optional:
            return model()
        content_type = headers.get(b"content-type", b"")
        if not is_json(content_type) or b"content-encoding" in headers:
            raise unsupported(("application/json",)) if body or content_type else _EMPTY
        try:
            return model.model_validate(parse_json(body))
        except ValidationError as error:
            raise refused(error) from None

    def answer(self, call: Call) -> Awaitable[Answer]:
        """Hand the call to its handler."""
        return self.handler(call) if self.body is None else self.handler(call, call.body)


def unsupported(media_types: tuple[str, ...]) -> Rejected:
    """Refuse a body of another type."""
    return Rejected(
        "unsupported_media_type",
        f"Send the body as {media_types[0]}, in UTF-8 and not compressed.",
        {"accepted": list(media_types)},
    )


_EMPTY: Final = invalid("", "The body is empty; send a JSON object.")


def operation_id(endpoint: Endpoint) -> str:
    """The endpoint's name for generated clients: the handler's, in camelCase."""
    head, *tail = endpoint.handler.__name__.split("_")
    return head + "".join(part.capitalize() for part in tail)
