"""Every route, for every role, in the own, another and no named tenant: against the contract."""

import re
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from holdfast.domain.users import OPERATOR, ROLES
from holdfast.http import access
from holdfast.http.access import RULES, rules_of
from holdfast.http.endpoint import Endpoint
from holdfast.http.routes import ENDPOINTS
from tests.support.signed_in import OTHER, OWN, SignedIn

NOBODY: Final = "nobody"

#: What each role may do, as the contract's table has it: patterns of `METHOD path`.
MAY: Final = {
    NOBODY: (
        r"GET /|GET /health/\w+|GET /store/config|GET /store/menu|GET /menu|GET /inventory"
        r"|GET /inventory/{sku}|POST /auth/(register|login)|POST /store/orders"
    ),
    "online": (
        r"POST /store/orders|(GET|POST) /store/orders/.*|(GET|POST) /reservations.*"
        r"|POST /stores/.*/reserve|POST /inventory/reserve|POST /checkout/.*"
    ),
    "foh": (
        r"GET /stock.*|GET /stores.*|GET .*/explain|GET /events|GET /items.*|GET /locations.*"
        r"|POST /store/orders|(GET|POST) /store/orders/.*|(GET|POST) /reservations.*"
        r"|POST /stores/.*/reserve|POST /inventory/reserve|POST /checkout/.*|GET /manager/orders"
    ),
    "kitchen": (
        r"GET /stock.*|GET /stores.*|GET .*/explain|GET /events|GET /items.*|GET /locations.*"
        r"|POST /stores/.*/(adjust|count|out)|POST /inventory/adjust"
    ),
    "staff": (
        r"POST /inventory/(receive|ship|transfer)|POST /batch|GET /batch/.*|GET /transactions"
        r"|GET /alerts"
    ),
    "manager": (
        r".* /items.*|.* /locations.*|(GET|POST|PUT|DELETE) /manager/menu.*|POST /alerts/.*/ack"
    ),
    "admin": r"(?!.* /(sys|debug)/).*",
    OPERATOR: r".*",
    "service": r"GET /events|GET /metrics",
}
#: Roles whose rights a role has too.
BELOW: Final = {"staff": ("kitchen",), "manager": ("kitchen", "staff", "foh")}
SIGNED_IN: Final = r"GET /docs|GET /openapi.json|GET /auth/me|POST /auth/(refresh|logout|password)"
#: An order is opened to a guest by its own token, which none of these requests has.
NEEDS_ORDER_TOKEN: Final = r".* /store/orders/.*"

PARAMS: Final = {"storeId": "S", "sku": "A", "username": "nobody-there"}
TENANTS: Final = ("none", "own", "other", "other's host")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SignedIn]:
    async with SignedIn(tmp_path) as world:
        await world.fill()
        yield world


def may(role: str, route: str) -> bool:
    if role != NOBODY and re.fullmatch(f"{SIGNED_IN}|{MAY[NOBODY]}", route):
        return True
    roles = (role, *BELOW.get(role, ()))
    return any(re.fullmatch(MAY[each], route) for each in roles)


def expected(role: str, endpoint: Endpoint, tenant: str) -> set[int]:
    """The statuses of a refusal; none: it is let in."""
    route = f"{endpoint.method} {endpoint.path}"
    if role == NOBODY:
        return set() if may(NOBODY, route) else {401}
    if re.fullmatch(r"GET /|GET /health/.*|POST /auth/(register|login)", route):
        return set()
    if not may(role, route) and not re.fullmatch(NEEDS_ORDER_TOKEN, route):
        return {403}
    elsewhere = tenant in {"other", "other's host"} and endpoint.tenant and role != OPERATOR
    return {403} if elsewhere else set()


async def test_every_route_is_for_the_roles_of_the_contract(
    world: SignedIn, capsys: pytest.CaptureFixture[str]
) -> None:
    count = refusals = 0
    wrong: list[str] = []
    for endpoint, role, tenant in product(ENDPOINTS, (NOBODY, *ROLES), TENANTS):
        headers = {"host": "127.0.0.1"}
        if tenant in {"own", "other"}:
            headers["x-tenant-id"] = OWN if tenant == "own" else OTHER
        elif tenant == "other's host":
            headers["host"] = f"{OTHER}.example"
        path = re.sub(r"{(\w+)}", lambda found: PARAMS.get(found[1], "x"), endpoint.path)
        before = await world.sequences()
        name = None if role == NOBODY else role
        if name is None:
            headers.setdefault("x-tenant-id", OWN)
        answer = await world.send(endpoint.method, path, name, headers=headers)
        refused = expected(role, endpoint, tenant)
        status = answer.status_code
        count += 1
        if (status in {401, 403}) != bool(refused) or (refused and status not in refused):
            wrong.append(f"{endpoint.method} {endpoint.path} {role} {tenant}: {status}")
        if status in {401, 403}:
            refusals += 1
            assert await world.sequences() == before, "a refusal changed a journal"
            assert answer.headers["content-type"] == "application/problem+json"
            assert ("www-authenticate" in answer.headers) == (status == 401)
    with capsys.disabled():
        print(f" {count} requests, {refusals} refused;", end="")
    assert wrong == []
    assert count == len(ENDPOINTS) * (len(ROLES) + 1) * len(TENANTS)


def test_the_table_has_every_route_and_no_other() -> None:
    assert set(RULES) == {f"{each.method} {each.path}" for each in ENDPOINTS}


def test_a_route_without_a_rule_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {name: who for name, who in RULES.items() if name != "GET /stock"}
    monkeypatch.setattr(access, "RULES", rules)
    with pytest.raises(LookupError, match="GET /stock has no rule"):
        rules_of(ENDPOINTS)


async def test_nobody_is_asked_to_sign_in_before_an_address_is_known(world: SignedIn) -> None:
    assert (await world.send("GET", "/nothing/here")).status_code == 404
    assert (await world.send("DELETE", "/stock")).status_code == 405
