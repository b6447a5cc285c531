"""One entry of the route table: what is asked, how it is answered, what it says about itself.

The table of endpoints is the only list of routes. The server finds handlers in it and the OpenAPI
description is made from it, so the two cannot disagree.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ValidationError

from holdfast.domain.rejections import Rejected, invalid
from holdfast.http.answer import Answer
from holdfast.http.body import BATCH_BYTES_MAX, BODY_BYTES_MAX, parse_json
from holdfast.http.call import Call
from holdfast.http.headers import is_json, media_type, refused_header
from holdfast.http.lanes import Lane
from holdfast.http.query import Param, read_query
from holdfast.http.schemas.base import Input
from holdfast.http.validation import refused
from holdfast.resilience.admission import Overloaded

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


_NO_PARAMS: Final[Mapping[str, Param]] = MappingProxyType({})


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
    _params: dict[str, Param] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_params", {param.name: param for param in self.query})

    async def prepare(self, call: Call) -> None:
        """Read the query, the headers and the body; nothing is decided yet.

        Raises:
            Rejected: one of them is malformed.
            ClientGone: the body will never be complete.
        """
        if call.query_string or self._params:
            call.query = read_query(call.query_string, self._params)
        if b"if-match" in call.headers and not self.precondition and self.writes:
            raise refused_header(
                "If-Match", "This request changes more than one record, so it takes no If-Match."
            )
        if self.body is not None:
            call.body = await self._read(call, self.body)
        elif self.raw_body:
            call.raw_body = await self._read_raw(call)
        elif self.lane is Lane.WAITING:
            # Nobody expects one here, but only behind the body can a client be seen to leave.
            await call.read_body(BODY_BYTES_MAX)

    @property
    def reads_body(self) -> bool:
        """Whether `prepare` has read the body to its end."""
        return self.body is not None or bool(self.raw_body) or self.lane is Lane.WAITING

    async def answer(self, call: Call) -> Answer:
        """Hand the call to its handler."""
        if self.body is None:
            return await self.handler(call)
        return await self.handler(call, call.body)

    async def _read(self, call: Call, model: type[Input]) -> Input:
        body = await call.read_body(BODY_BYTES_MAX)
        if not body and self.body_optional:
            return model()
        content_type = call.headers.get(b"content-type", b"")
        if not is_json(content_type) or b"content-encoding" in call.headers:
            raise unsupported(("application/json",)) if body or content_type else _EMPTY
        try:
            return model.model_validate(parse_json(body))
        except ValidationError as error:
            raise refused(error) from None

    async def _read_raw(self, call: Call) -> bytes:
        content_type = call.headers.get(b"content-type", b"")
        if media_type(content_type) not in self.raw_body or b"content-encoding" in call.headers:
            raise unsupported(self.raw_body)
        if call.lanes[self.lane].shedding:
            raise Overloaded  # Sooner than after so many bytes.
        return await call.read_body(BATCH_BYTES_MAX)


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
