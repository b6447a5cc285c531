"""Registering, signing in and out, and what ends a token."""

import statistics
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter

import httpx2
import pytest

from tests.support.signed_in import OTHER, OWN, PASSWORD, SignedIn
from tests.unit.http.world import problem_of

NEW = "another long password"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SignedIn]:
    async with SignedIn(tmp_path) as world:
        await world.fill()
        yield world


async def login(
    world: SignedIn, username: str = "ada", password: str = PASSWORD, tenant: str = OWN
) -> httpx2.Response:
    body = {"username": username, "password": password}
    return await world.send("POST", "/auth/login", json=body, tenant=tenant)


async def token(world: SignedIn, username: str = "ada", password: str = PASSWORD) -> str:
    answer = await login(world, username, password)
    assert answer.status_code == 200, answer.text
    text: str = answer.json()["accessToken"]
    return text


async def me(world: SignedIn, token: str, **headers: str) -> httpx2.Response:
    sent = {"authorization": f"Bearer {token}", **headers}
    return await world.client.get("/auth/me", headers=sent)


async def test_who_registers_is_online_and_signs_in(world: SignedIn) -> None:
    body = {"username": "eve", "password": PASSWORD}
    made = await world.send("POST", "/auth/register", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["roles"] == ["online"]
    assert "password" not in made.text.lower()
    problem_of(await world.send("POST", "/auth/register", json=body), 409, "already_exists")
    answer = await login(world, "eve")
    assert answer.json()["tokenType"] == "Bearer"
    assert answer.json()["roles"] == ["online"]
    assert answer.headers["cache-control"] == "no-store"
    told = (await me(world, answer.json()["accessToken"])).json()
    assert (told["username"], told["tenantId"]) == ("eve", OWN)


async def test_a_name_belongs_to_one_tenant(world: SignedIn) -> None:
    problem_of(await login(world, tenant=OTHER), 401, "unauthorized")


@pytest.mark.parametrize("wrong", [{"password": "short"}, {"username": "a b"}, {"role": "admin"}])
async def test_what_cannot_be_a_user_is_refused(world: SignedIn, wrong: dict[str, str]) -> None:
    body = {"username": "eve", "password": PASSWORD, **wrong}
    before = await world.sequences()
    answer = await world.send("POST", "/auth/register", json=body)
    problem_of(answer, 400, "validation_error")
    assert "short" not in answer.text
    assert await world.sequences() == before


async def test_whatever_is_wrong_the_answer_is_the_same(world: SignedIn) -> None:
    await world.send("PATCH", "/users/ada", "admin", json={"status": "disabled"})
    answers = [
        await login(world, "ada"),
        await login(world, "ada", "wrong"),
        await login(world, "nobody"),
        await login(world, "nobody'; --"),
        await login(world, "admin", "has no password of its own"),
    ]
    told = set()
    for answer in answers:
        problem = problem_of(answer, 401, "unauthorized")
        told.add((problem["detail"], str(problem["details"]), len(answer.headers)))
    assert len(told) == 1


async def test_a_known_and_an_unknown_name_take_equally_long(world: SignedIn) -> None:
    """Both hash once; the ranges of their durations overlap, and the middles are close."""
    assert world.accounts is not None
    took: dict[str, list[float]] = {"ada": [], "nobody": []}
    for _ in range(7):
        for name, durations in took.items():
            began = perf_counter()
            await world.accounts.passwords.verify(
                (await world.user(name)).password_hash if name == "ada" else None, "wrong"
            )
            durations.append(perf_counter() - began)
    known, unknown = took.values()
    assert min(known) < max(unknown)
    assert min(unknown) < max(known)
    assert 1 / 3 < statistics.median(known) / statistics.median(unknown) < 3


async def test_a_guesser_waits_and_the_user_elsewhere_does_not(world: SignedIn) -> None:
    for _ in range(5):
        problem_of(await login(world, "ada", "wrong"), 401, "unauthorized")
    problem_of(await login(world, "ada", PASSWORD), 429, "rate_limited")
    transport = httpx2.ASGITransport(app=world.app, client=("10.9.8.7", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as elsewhere:
        body = {"username": "ada", "password": PASSWORD}
        answer = await elsewhere.post("/auth/login", json=body, headers={"x-tenant-id": OWN})
    assert answer.status_code == 200


async def test_registering_is_rate_limited_by_address(world: SignedIn) -> None:
    statuses = []
    for number in range(14):
        body = {"username": f"eve-{number}", "password": PASSWORD}
        statuses.append((await world.send("POST", "/auth/register", json=body)).status_code)
    assert statuses[:10] == [201] * 10
    assert 429 in statuses


async def test_signing_out_ends_every_token_at_once(world: SignedIn) -> None:
    first, second = await token(world), await token(world)
    headers = {"authorization": f"Bearer {first}"}
    assert (await world.client.post("/auth/logout", headers=headers)).status_code == 204
    for each in (first, second):
        problem_of(await me(world, each), 401, "unauthorized")
    assert (await me(world, await token(world))).status_code == 200


async def test_who_is_disabled_is_out_at_once_and_may_come_back(world: SignedIn) -> None:
    mine = await token(world)
    assert (await me(world, mine)).status_code == 200
    gone = await world.send("PATCH", "/users/ada", "admin", json={"status": "disabled"})
    assert gone.json()["status"] == "disabled"
    problem_of(await me(world, mine), 401, "unauthorized")
    await world.send("PATCH", "/users/ada", "admin", json={"status": "active"})
    problem_of(await me(world, mine), 401, "unauthorized")
    assert (await me(world, await token(world))).status_code == 200


async def test_a_password_is_changed_by_who_knows_it(world: SignedIn) -> None:
    mine = await token(world)
    headers = {"authorization": f"Bearer {mine}"}
    body = {"currentPassword": "wrong", "newPassword": NEW}
    refused = await world.client.post("/auth/password", json=body, headers=headers)
    problem_of(refused, 401, "unauthorized")
    body["currentPassword"] = PASSWORD
    changed = await world.client.post("/auth/password", json=body, headers=headers)
    assert (await me(world, changed.json()["accessToken"])).status_code == 200
    problem_of(await me(world, mine), 401, "unauthorized")
    problem_of(await login(world), 401, "unauthorized")
    assert (await login(world, "ada", NEW)).status_code == 200


async def test_a_refreshed_token_counts_beside_the_old_one(world: SignedIn) -> None:
    mine = await token(world)
    headers = {"authorization": f"Bearer {mine}"}
    newer = (await world.client.post("/auth/refresh", headers=headers)).json()
    assert 0 < newer["expiresIn"] <= 3600
    for each in (mine, newer["accessToken"]):
        assert (await me(world, each)).status_code == 200


async def test_an_admin_gives_roles_and_passwords_in_its_own_tenant(world: SignedIn) -> None:
    body = {"roles": ["kitchen"], "password": NEW}
    changed = await world.send("PATCH", "/users/ada", "admin", json=body)
    assert changed.json()["roles"] == ["kitchen"]
    assert (await login(world, "ada", NEW)).json()["roles"] == ["kitchen"]
    other = await world.send("PATCH", "/users/ada", "admin", tenant=OTHER, json=body)
    problem_of(other, 404, "not_found")
    up = await world.send("PATCH", "/users/ada", "admin", json={"roles": ["operator"]})
    problem_of(up, 403, "forbidden")
    listed = (await world.send("GET", "/users?limit=2", "admin")).json()
    assert [each["username"] for each in listed["items"]] == ["ada", "admin"]
    more = await world.send("GET", f"/users?cursor={listed['nextCursor']}", "admin")
    assert next(each["username"] for each in more.json()["items"]) == "foh"
    assert "argon2" not in more.text


async def test_a_user_is_changed_over_the_version_that_was_seen(world: SignedIn) -> None:
    body = {"roles": ["foh"], "expectedVersion": 7}
    answer = await world.send("PATCH", "/users/ada", "admin", json=body)
    assert problem_of(answer, 409, "version_conflict")["details"]["currentVersion"] == 1


async def test_what_is_written_down_has_no_password_in_it(world: SignedIn) -> None:
    body = {"username": "eve", "password": PASSWORD}
    headers = {"idempotency-key": "k", "x-tenant-id": OWN}
    for replayed in (False, True):
        made = await world.send("POST", "/auth/register", json=body, headers=headers)
        assert made.status_code == 201
        assert ("idempotent-replayed" in made.headers) == replayed
    await login(world, "eve", "a wrong password")
    await me(world, "not.a.token")
    events = [each.json for each in await world.registry.system.events(0, 1000)]
    written = b"".join(events) + str(world.log_lines()).encode()
    for secret in (PASSWORD, "a wrong password", "not.a.token"):
        assert secret.encode() not in written
    assert b'"actor":"pizza/anonymous"' in b"".join(events)


async def test_keys_of_two_tenants_are_not_mixed_up(world: SignedIn) -> None:
    """Both are called admin, and choose the same key."""
    tokens = {tenant: await world.token("admin", tenant) for tenant in (OWN, OTHER)}
    for mine in tokens.values():
        headers = {"authorization": f"Bearer {mine}", "idempotency-key": "k"}
        answer = await world.client.post("/auth/logout", headers=headers)
        assert "idempotent-replayed" not in answer.headers
        problem_of(await me(world, mine), 401, "unauthorized")


async def test_refused_attempts_are_logged_with_a_reason_on_one_line(world: SignedIn) -> None:
    forged = 'x"}\n{"event":"all is well"'
    await login(world, forged, "wrong")
    await world.send("GET", "/users", "kitchen", headers={"x-request-id": "q1"})
    refused = [each for each in world.log_lines() if each["event"] == "refused"]
    reasons = [(each["reason"], each["route"], each["user"]) for each in refused]
    assert reasons == [
        ("wrong name or password", "/auth/login", None),
        ("role", "/users", "kitchen"),
    ]
    assert refused[1]["request_id"] == "q1"
    assert refused[0]["client"] == "127.0.0.1"
    assert "all is well" not in str(refused)
