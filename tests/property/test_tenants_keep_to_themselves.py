"""No tenant ever sees, or changes, anything of another, however their requests interleave.

Everything that a tenant says carries a sentinel of its own. Whatever leaves the service for one
tenant, or is kept for it, is searched for the sentinels of the others.
"""

import asyncio
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.http.routes import served
from holdfast.journal import Cursor
from holdfast.tenancy import LedgersConfig
from tests.support.many_tenants import ManyTenants
from tests.support.tenants_requests import MAKERS, SHARED_KEYS, Client, address
from tests.unit.journal.simulated_disk import SimulatedDisk

DATA: Final = Path("/leakage")
TENANTS: Final = ("default", "pizza", "bar")
REQUESTS: Final = sorted(MAKERS)
#: Whoever is swept is idle: tenants are closed and opened in between.
CONFIG: Final = LedgersConfig(idle_s=0, retry_ms=1)


class Leak(AssertionError):
    """Something of one tenant was found where it does not belong."""


class Street:
    """All tenants' clients, and what watches over them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.disk = SimulatedDisk(seed)
        self.service = ManyTenants(DATA, CONFIG, disk=self.disk)
        self.clients = [
            Client(name, f"zq{number}x{self.rng.randrange(10**6, 10**7)}qz", self.rng)
            for number, name in enumerate(TENANTS)
        ]

    async def provision(self) -> None:
        for client in self.clients:
            look = {"theme": {"colour": client.sentinel}, "name": f"Shop {client.sentinel}"}
            if client.tenant_id == "default":
                await self.service.client.patch("/sys/tenants/default", json=look)
            else:
                made = await self.service.provision(client.tenant_id, **look)
                assert made.status_code == 201, made.text

    def foreign(self, tenant_id: str | None) -> Iterable[str]:
        """The sentinels that a tenant must never meet; None is for everybody."""
        return (each.sentinel for each in self.clients if each.tenant_id != tenant_id)

    def demand_clean(self, what: str, content: bytes, tenant_id: str | None) -> None:
        """Demand that nothing of another tenant is in it."""
        for sentinel in self.foreign(tenant_id):
            if sentinel.encode() in content:
                raise Leak(f"{what} of {tenant_id} names {sentinel}: {content!r}")

    async def ask(self, client: Client, kind: tuple[str, str]) -> httpx2.Response:
        """Send one request of a tenant, and search the answer."""
        method, path = kind
        asked = MAKERS[kind](client)
        headers = {"x-request-id": f"r-{client.sentinel}"}
        if self.rng.random() < 0.5:
            headers["x-tenant-id"] = client.tenant_id
        else:
            domain = f"{client.tenant_id}.example"
            headers["host"] = "127.0.0.1" if client.tenant_id == "default" else domain
        if method == "POST" and self.rng.random() < 0.5 and "source=" not in asked.query:
            headers["idempotency-key"] = self.rng.choice(SHARED_KEYS)
        content: dict[str, Any] = {} if asked.body is None else {"json": asked.body}
        if asked.raw is not None:
            content = {"content": asked.raw}
            headers["content-type"] = "application/x-ndjson"
        url = f"{address(path, client)}?{asked.query}".rstrip("?")
        answer = await self.service.client.request(method, url, headers=headers, **content)
        assert answer.status_code < 500, (url, answer.text)
        told = repr(answer.headers.raw).encode() + answer.content
        self.demand_clean(f"The answer to {method} {url}", told, client.tenant_id)
        if answer.is_success and answer.headers.get("content-type") == "application/json":
            client.learn(kind, answer.status_code, answer.json())
        return answer

    async def journals(self) -> dict[str, Cursor]:
        """Where every tenant's journal ends."""
        for client in self.clients:
            await self.service.registry.resolve(client.tenant_id, None)
        return {ledger.tenant_id: ledger._journal.durable for ledger in self.service.ledgers()}

    async def ask_alone(self, client: Client, kind: tuple[str, str]) -> None:
        """Send one request, and demand that no other tenant's journal has moved."""
        before = await self.journals()
        await self.ask(client, kind)
        after = await self.journals()
        moved = {name for name, end in after.items() if end != before[name]}
        if not moved <= {client.tenant_id}:
            raise Leak(f"{kind} of {client.tenant_id} wrote into {moved}")

    async def touch_others(self, client: Client) -> None:
        """Name what belongs to another tenant: nobody is told that it exists."""
        for other in self.clients:
            theirs = [f"/reservations/{each}" for each in other.reservations[-1:]]
            theirs += [f"/store/orders/{each}" for each in other.orders[-1:]]
            for held in [] if other is client else theirs:
                for method, path in (("GET", ""), ("POST", "/cancel"), ("POST", "/confirm")):
                    url = f"{held}{path}"
                    owner = {} if "orders" in url else {"userId": client.user()}
                    body = None if method == "GET" else owner
                    answer = await self.service.client.request(
                        method, url, json=body, headers={"x-tenant-id": client.tenant_id}
                    )
                    if answer.status_code != 404:
                        raise Leak(f"{url} of {other.tenant_id} told {client.tenant_id} of it")

    async def demand_all_clean(self) -> None:
        """Search everything that is told or kept beside the answers."""
        for client in self.clients:
            ledger = await self.service.registry.resolve(client.tenant_id, None)
            for event in await ledger.events(0, 100_000):
                self.demand_clean("An event", event.json, client.tenant_id)
        for path in ("/metrics", "/health/readiness", "/health/liveness"):
            for accept in ("application/json", "text/plain"):
                answer = await self.service.client.get(path, headers={"accept": accept})
                self.demand_clean(path, answer.content, None)
        for line in self.service.log_lines():
            operators = line.get("route", "").startswith("/sys") or line.get("tenant") == "system"
            if not operators:
                self.demand_clean("The log", repr(line).encode(), line.get("tenant"))

    def demand_clean_files(self) -> None:
        """Search every file; only the system journal may know all names."""
        for path in self.disk.names:
            place, tenant_id = path.relative_to(DATA).parts[:2]
            if place != "system":
                assert place == "tenants"
                self.demand_clean(str(path), self.disk.content(path), tenant_id)


Step = tuple[int, int, bool]


async def interleave(seed: int, steps: list[Step]) -> None:
    """Run requests of several tenants, alone and many at once; search everything."""
    street = Street(seed)
    async with street.service as service:
        await street.provision()
        burst = []
        for who, what, alone in steps:
            client = street.clients[who % len(TENANTS)]
            kind = REQUESTS[what % len(REQUESTS)]
            if not alone:
                burst.append(street.ask(client, kind))
                continue
            await asyncio.gather(*burst)
            burst.clear()
            await street.ask_alone(client, kind)
            if what % 7 == 0:
                await street.touch_others(client)
                service.registry.sweep()
        await asyncio.gather(*burst)
        await street.demand_all_clean()
    street.demand_clean_files()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, len(REQUESTS) - 1), st.booleans()),
        min_size=30,
        max_size=90,
    ),
)
def test_no_tenant_ever_meets_anything_of_another(seed: int, steps: list[Step]) -> None:
    asyncio.run(interleave(seed, steps))


@pytest.mark.campaign
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, len(REQUESTS) - 1), st.booleans()),
        min_size=30,
        max_size=300,
    ),
)
@pytest.mark.timeout(3600)
def test_no_tenant_ever_meets_anything_of_another_in_the_long_run(
    seed: int, steps: list[Step]
) -> None:
    asyncio.run(interleave(seed, steps))


#: Every request of every tenant once, alone, and then all of them at once.
ALL: Final[list[Step]] = [
    (who, what, alone)
    for alone in (True, False)
    for who in range(len(TENANTS))
    for what in range(len(REQUESTS))
]


def test_every_request_of_every_tenant_is_clean(seed: int) -> None:
    asyncio.run(interleave(seed, ALL))


def test_every_route_of_a_tenant_is_in_the_table() -> None:
    endpoints = served(drills=False, users=False)
    routes = {(each.method, each.path) for each in endpoints if each.tenant}
    assert set(MAKERS) == routes


async def ask_for_all(street: Street) -> None:
    """Ask so often that one of the requests is for all that there is."""
    for _ in range(50):
        await street.ask(street.clients[1], ("GET", "/stock"))


def test_a_planted_leak_is_noticed(seed: int) -> None:
    async def served_by_another() -> None:
        street = Street(seed)
        async with street.service as service:
            await street.provision()
            for client in street.clients:
                await street.ask(client, ("POST", "/inventory/receive"))
            opened = service.registry._ledgers.open
            opened["pizza"], opened["bar"] = opened["bar"], opened["pizza"]
            service.registry.addresses.clear()
            try:
                with pytest.raises(Leak, match="names"):
                    await ask_for_all(street)
                with pytest.raises(Leak, match="wrote into"):
                    await street.ask_alone(street.clients[1], ("POST", "/inventory/receive"))
            finally:
                opened["pizza"], opened["bar"] = opened["bar"], opened["pizza"]

    asyncio.run(served_by_another())


def test_a_planted_word_in_log_or_file_is_noticed(seed: int) -> None:
    street = Street(seed)
    one, other = street.clients[:2]
    with pytest.raises(Leak):
        street.demand_clean("The log", f"… {other.sentinel} …".encode(), one.tenant_id)
    street.disk.put(DATA / "tenants" / one.tenant_id / "x", other.sentinel.encode())
    with pytest.raises(Leak):
        street.demand_clean_files()
