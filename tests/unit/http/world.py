"""A small world around the HTTP interface: tenants, health, a log in memory, and a client."""

import asyncio
import io
import json
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import httpx2

from holdfast.domain.commands import Command
from holdfast.domain.records import Outcome
from holdfast.domain.rejections import Rejected
from holdfast.domain.tenants import DeleteTenant, ProvisionTenant, Tenant
from holdfast.http.app import create_app
from holdfast.http.edge import Edge
from holdfast.http.metrics import Metrics
from holdfast.http.openapi import build_openapi
from holdfast.http.paths import RouteTable
from holdfast.http.routes import ENDPOINTS
from holdfast.http.schemas.outputs import Problem
from holdfast.http.services import Health, HttpConfig, Services, Tenants
from holdfast.journal.faulty_disk import FaultyDisk
from holdfast.ledger.port import Ledger
from holdfast.logs import Logs
from holdfast.tenancy.names import Address

ROUTES = RouteTable(ENDPOINTS)
DESCRIPTION = build_openapi()
UNLIMITED = HttpConfig(rate_limit_rps=0)
PROBLEM_MEMBERS = {
    "type",
    "title",
    "status",
    "detail",
    "code",
    "details",
    "requestId",
    "success",
    "message",
}


class OneTenant(Tenants):
    """Knows one tenant by its id, `localhost` and IP literals."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.record = Tenant(ledger.tenant_id, "Ada's", "testserver", "active", "EUR", 0, 0, 1)
        #: Whoever is the first to ask waits for it, as for a tenant that is being opened.
        self.opened = asyncio.Event()
        self.opened.set()

    @property
    def addresses(self) -> dict[Address, Ledger]:
        return {}

    async def resolve(self, tenant_header: str | None, host: str | None) -> Ledger:
        known = tenant_header == self.ledger.tenant_id if tenant_header else host == "testserver"
        if not known:
            raise Rejected("not_found", "There is no such tenant.")
        await self.opened.wait()
        return self.ledger

    async def tenant(self, tenant_id: str) -> Tenant:
        return self.record

    async def tenants(self, after: str, limit: int) -> list[Tenant]:
        raise NotImplementedError

    async def provision(self, command: Command, asked: ProvisionTenant) -> Outcome:
        raise NotImplementedError

    async def change(self, command: Command) -> Outcome:
        raise NotImplementedError

    async def delete(self, command: Command, asked: DeleteTenant) -> Outcome:
        raise NotImplementedError


class GoodHealth(Health):
    """Healthy, until a test says otherwise."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._draining = False

    @property
    def draining(self) -> bool:
        return self._draining

    def drain(self) -> None:
        self._draining = True

    def breakers(self) -> Mapping[str, str]:
        return {"default": "closed" if self._ledger.writable else "open"}

    def ledgers(self) -> Iterable[Ledger]:
        return [self._ledger]


class World:
    """One app over one ledger, and a client that talks to it."""

    def __init__(
        self, ledger: Ledger, config: HttpConfig = UNLIMITED, faults: FaultyDisk | None = None
    ) -> None:
        self.ledger = ledger
        self.tenants = OneTenant(ledger)
        self.health = GoodHealth(ledger)
        self.metrics = Metrics()
        self.log_stream = io.BytesIO()
        self.logs = Logs("info", self.log_stream, owns_stream=False)
        services = Services(
            config, self.tenants, self.health, self.metrics, self.logs.logger, faults
        )
        self.app: Edge = create_app(services)
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app),
            base_url="http://testserver",
            event_hooks={"response": [hold_to_description]},
        )

    async def close(self) -> None:
        await self.client.aclose()
        self.logs.close()

    def log_lines(self) -> list[dict[str, Any]]:
        """Everything that was logged."""
        self.logs.sink.flush()
        return [json.loads(line) for line in self.log_stream.getvalue().splitlines()]

    async def post(self, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """Post a value as JSON; header names are written with underscores."""
        return await self.client.post(path, json=body, headers=as_headers(headers))

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.get(path, headers=as_headers(headers))

    async def put(self, path: str, body: object, **headers: str) -> httpx2.Response:
        return await self.client.put(path, json=body, headers=as_headers(headers))

    async def delete(self, path: str, **headers: str) -> httpx2.Response:
        return await self.client.delete(path, headers=as_headers(headers))

    async def post_unresolved(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Post to an address that an ordinary client would have tidied up first."""
        told: list[MutableMapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            told.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"testserver"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
        }
        await self.app(scope, receive, send)
        return told[0]["status"], json.loads(told[1]["body"])

    async def receive(self, store_id: str, sku: str, qty: int) -> None:
        """Take goods in, so that there is something to work on."""
        body = {"storeId": store_id, "sku": sku, "qty": qty}
        answer = await self.post("/inventory/receive", body)
        assert answer.status_code == 200, answer.text


def as_headers(given: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in given.items()}


def problem_of(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is this problem, in full form, and return it."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) >= PROBLEM_MEMBERS, "a problem carries all its members"
    assert body["status"] == status
    assert body["success"] is False
    assert body["detail"]
    assert body["message"] == body["detail"]
    assert body["requestId"] == answer.headers["x-request-id"]
    if status in {429, 503}:
        assert int(answer.headers["retry-after"]) >= 1
        assert body["details"]["retryAfterMs"] >= 1
    return body


async def refused(
    world: World, answer: httpx2.Response, status: int, code: str, before: int
) -> dict[str, Any]:
    body = problem_of(answer, status, code)
    assert world.ledger.last_sequence == before, "the journal has changed"
    return body


async def hold_to_description(answer: httpx2.Response) -> None:
    """Assert that an answer is one that the description of the interface promises."""
    raw_path = answer.request.url.raw_path.partition(b"?")[0]
    try:
        _, endpoint, _ = ROUTES.find(answer.request.url.path, raw_path, answer.request.method)
    except Rejected:
        return
    await answer.aread()
    assert answer.headers["x-request-id"]
    promised = DESCRIPTION["paths"][endpoint.path][endpoint.method.lower()]["responses"]
    assert str(answer.status_code) in promised, f"{endpoint.path}: {answer.status_code}"
    reply = endpoint.replies.get(answer.status_code)
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind == "application/problem+json":
        told = Problem.model_validate_json(answer.content)
        listed = str(promised[str(answer.status_code)])
        assert told.code in listed, f"{endpoint.path} does not list {told.code}"
    elif reply is not None and reply.model is not None and kind == reply.media_type:
        for line in answer.content.splitlines():
            reply.model.model_validate_json(line)
        assert reply.etag or "etag" not in answer.headers
