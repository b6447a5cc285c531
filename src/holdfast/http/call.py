"""One request as a handler sees it."""

from collections.abc import Mapping
from hashlib import blake2b
from time import perf_counter
from types import MappingProxyType
from typing import Any, Final

import orjson
from starlette.types import Scope
from uuid_utils import uuid7

from holdfast.accounts import Principal
from holdfast.domain.commands import Action, Command, Idempotency
from holdfast.domain.records import KEY, STORE, RememberedKey
from holdfast.domain.rejections import Rejected, idempotency_mismatch, invalid
from holdfast.domain.users import ANONYMOUS
from holdfast.http.answer import Answer, json_answer
from holdfast.http.body import Receive
from holdfast.http.headers import (
    Headers,
    idempotency_key,
    if_match,
    none_match,
    request_id_of,
)
from holdfast.http.lanes import Lanes
from holdfast.http.schemas.base import Input
from holdfast.http.services import HttpConfig, Services
from holdfast.ledger.port import Ledger, Reading

#: What the log and the metrics say of a request that found no endpoint.
NO_ROUTE: Final = "(none)"


class Call:
    """A request as far as it is known. What has a default here may stay so."""

    #: The tenant's; set for every endpoint that belongs to one.
    ledger: Ledger
    actor = ANONYMOUS
    #: Who asks; None for a guest, and wherever nobody is asked.
    principal: Principal | None = None
    #: The client's address; only where somebody asks for it.
    client = ""
    tenant: str | None = None
    route = NO_ROUTE
    #: The canonical address, and the ids in it.
    path = ""
    params: Mapping[str, str] = MappingProxyType({})
    query: Mapping[str, Any] = MappingProxyType({})
    body: Input | None = None
    #: The body of an endpoint that takes it as it comes.
    raw_body = b""

    def __init__(
        self,
        services: Services,
        lanes: Lanes,
        scope: Scope,
        receive: Receive,
        whole_body: bytes | None = None,
    ) -> None:
        """Begin a request as its scope has it; without its whole body, that is to be received."""
        self.began = perf_counter()
        self.services = services
        self.lanes = lanes
        self.method: str = scope["method"]
        self.headers: Headers = dict(scope["headers"])
        self.request_id = request_id_of(self.headers)
        self.receive = receive
        self.whole_body = whole_body

    @property
    def config(self) -> HttpConfig:
        """The limits and times that the operator chose."""
        return self.services.config

    def expected(self, in_body: int | None) -> int | None:
        """Return the version that the caller expects, from `If-Match` or from the body.

        Raises:
            Rejected: the two are given and differ, or the header is malformed.
        """
        given = if_match(self.headers)
        if given is None:
            return in_body
        if in_body is not None and in_body != given:
            raise invalid(
                "/expectedVersion", "expectedVersion and If-Match name different versions."
            )
        return given

    def command(self, action: Action) -> Command:
        """Return the command that this call gives: the action with its origin."""
        key = idempotency_key(self.headers)
        stamp = None if key is None else self.idempotency(key, self._asked())
        return Command(
            action,
            str(uuid7()),
            self.actor,
            self.request_id,
            stamp,
            None,
            self.config.reservation_retention_ms,
        )

    def idempotency(self, key: str, asked: bytes) -> Idempotency:
        """Return the key with what tells this request from another: its address and `asked`."""
        told = blake2b(f"{self.method} {self.path}\n".encode(), digest_size=16)
        told.update(asked)
        return Idempotency(key, told.hexdigest(), self.services.config.idemp_ttl_ms)

    def _asked(self) -> bytes:
        """Return the body and the expected version as one text, whatever their spelling."""
        body = None if self.body is None else self.body.model_dump(exclude_unset=True)
        return orjson.dumps([body, if_match(self.headers)], option=orjson.OPT_SORT_KEYS)

    def ttl_ms(self, body: Input, ttl_seconds: int | None) -> int | None:
        """Return how long a reservation holds; None is for ever, absent the default."""
        if "ttl_seconds" not in body.model_fields_set:
            return self.config.reservation_ttl_ms
        return None if ttl_seconds is None else ttl_seconds * 1000

    async def default_store_id(self) -> str:
        """Return the tenant's default store, else its only one.

        Of a request that is repeated, it is the one it had then.

        Raises:
            Rejected: there is none, or more than one.
        """
        return await self.chosen_store_id() or self.only_store_id(await self.ledger.read())

    async def chosen_store_id(self) -> str | None:
        """Return the store that the tenant was given as its default, if it was given one."""
        tenant = await self.services.tenants.tenant(self.ledger.tenant_id)
        return tenant.default_store_id

    def only_store_id(self, reading: Reading) -> str:
        """Return the only store there is; see `default_store_id`."""
        stores = reading.records(STORE)
        if len(stores) == 1:
            return next(iter(stores.values())).store_id
        key = idempotency_key(self.headers)
        known = None if key is None else self.remembered(reading, key)
        if known is not None:
            if not known.outcome.reservations:
                raise idempotency_mismatch(known.key)
            return known.outcome.reservations[0].store_id
        raise Rejected(
            "validation_error",
            "Say which store is meant: storeId is missing and the tenant has no default store.",
            {"errors": [{"pointer": "/storeId", "detail": "storeId is missing."}]},
        )

    def remembered(self, reading: Reading, key: str) -> RememberedKey | None:
        """Return what the caller's key stands for, if it is still remembered."""
        known = reading.get(KEY, (self.actor, key))
        return None if known is None or known.expires_at <= reading.now else known

    def unless_known(self, reading: Reading, version: int, value: object) -> Answer:
        """Answer with a record and its `ETag`, or 304 when the caller has this version."""
        if not reading.exact:
            return json_answer(value)
        tag = b'"%d"' % version
        headers = ((b"etag", tag),)
        if none_match(self.headers, tag):
            return Answer(304, b"", None, headers)
        return json_answer(value, 200, headers)


def new_id() -> str:
    """Return an id for something that this request makes."""
    return str(uuid7())
