"""Tenants over HTTP: made, found, changed, suspended, deleted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.many_tenants import ManyTenants
from tests.unit.http.world import problem_of

PIZZA = {
    "name": "Pizzeria Roma",
    "domain": "pizza.localhost",
    "theme": {"primary": "#b22222", "fonts": ["serif", 2.5, None]},
}


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[ManyTenants]:
    async with ManyTenants(tmp_path) as street:
        yield street


async def test_a_tenant_is_made_with_a_folder_of_its_own(street: ManyTenants) -> None:
    made = await street.client.post("/sys/provision", json=PIZZA)
    assert made.status_code == 201, made.text
    tenant = made.json()
    assert tenant["tenantId"] == "pizza", "the id is made of the domain"
    assert tenant["theme"] == PIZZA["theme"]
    assert (tenant["currency"], tenant["status"], tenant["version"]) == ("EUR", "active", 1)
    assert made.headers["etag"] == '"1"'
    assert (street.folder / "tenants" / "pizza" / "journal").is_dir()
    read = await street.client.get("/sys/tenants/pizza")
    assert read.json() == tenant


async def test_the_same_again_is_answered_with_what_is_there(street: ManyTenants) -> None:
    first = await street.client.post("/sys/provision", json=PIZZA)
    again = await street.client.post("/sys/provision", json=PIZZA | {"domain": "PIZZA.Localhost."})
    assert again.status_code == 200
    assert again.json() == first.json()
    other = await street.client.post("/sys/provision", json=PIZZA | {"name": "Another"})
    problem_of(other, 409, "already_exists")
    bare = {name: PIZZA[name] for name in ("name", "domain")}
    assert (await street.client.post("/sys/provision", json=bare)).status_code == 200


async def test_a_domain_that_is_taken_is_refused_and_leaves_no_folder(street: ManyTenants) -> None:
    await street.client.post("/sys/provision", json=PIZZA)
    thief = {"name": "Thief", "domain": "Pizza.LOCALHOST", "tenantId": "thief"}
    problem_of(await street.client.post("/sys/provision", json=thief), 409, "already_exists")
    for taken in ("localhost", "LOCALHOST."):
        local = {"name": "Local", "domain": taken, "tenantId": "local"}
        problem_of(await street.client.post("/sys/provision", json=local), 409, "already_exists")
    names = {path.name for path in (street.folder / "tenants").iterdir()}
    assert names == {"default", "pizza"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"domain": "10.0.0.1"},
        {"domain": "[::1]"},
        {"domain": "a b"},
        {"domain": "pizza.localhost:3000"},
        {"domain": "-a.example"},
        {"tenantId": "../up"},
        {"tenantId": "system"},
        {"name": ""},
        {"name": "a\nb"},
        {"theme": []},
        {"theme": {"x": "y" * 17_000}},
        {"currency": "euro"},
        {"colour": "red"},
    ],
)
async def test_what_cannot_be_a_tenant_is_refused(
    street: ManyTenants, wrong: dict[str, object]
) -> None:
    answer = await street.client.post("/sys/provision", json=PIZZA | wrong)
    problem_of(answer, 400, "validation_error")
    assert not (street.folder / "tenants" / "system").exists()


async def test_ids_are_chosen_that_nobody_has(street: ManyTenants) -> None:
    ids = []
    for domain in ("bar.one.example", "bar.two.example", "bar.three.example"):
        body = {"name": "Bar", "domain": domain}
        ids.append((await street.client.post("/sys/provision", json=body)).json()["tenantId"])
    assert ids[:2] == ["bar", "bar.two.example"]
    assert len(set(ids)) == 3


async def test_a_key_gives_the_first_answer_again(street: ManyTenants) -> None:
    headers = {"idempotency-key": "k1"}
    first = await street.client.post("/sys/provision", json=PIZZA, headers=headers)
    again = await street.client.post("/sys/provision", json=PIZZA, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    other = await street.client.post(
        "/sys/provision", json=PIZZA | {"name": "Other"}, headers=headers
    )
    problem_of(other, 409, "idempotency_mismatch")
    key = {"idempotency-key": "k2"}
    gone = await street.client.delete("/sys/tenants/pizza", headers=key)
    assert gone.status_code == 200
    again = await street.client.delete("/sys/tenants/pizza", headers=key)
    assert (again.status_code, again.json()) == (200, gone.json())


async def test_tenants_are_listed_in_pages(street: ManyTenants) -> None:
    for name in ("c", "a", "b"):
        await street.provision(name)
    seen, cursor = [], ""
    while True:
        page = (await street.client.get(f"/sys/tenants?limit=2{cursor}")).json()
        seen += [tenant["tenantId"] for tenant in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == ["a", "b", "c", "default"]


@pytest.mark.parametrize(
    ("host", "tenant"),
    [
        ("pizza.localhost", "pizza"),
        ("PIZZA.LocalHost:3000", "pizza"),
        ("pizza.localhost.", "pizza"),
        ("pizza.localhost.:80", "pizza"),
        ("localhost:3000", "default"),
        ("LOCALHOST.", "default"),
        ("127.0.0.1:1", "default"),
        ("[::1]:3000", "default"),
        ("192.0.2.7", "default"),
        ("", "default"),
    ],
)
async def test_the_host_says_whose_it_is(street: ManyTenants, host: str, tenant: str) -> None:
    await street.client.post("/sys/provision", json=PIZZA)
    forged = {"host": host, "x-forwarded-host": "bar.localhost", "forwarded": "host=bar.localhost"}
    answer = await street.client.get("/store/config", headers=forged)
    assert answer.status_code == 200, answer.text
    assert answer.json()["tenantId"] == answer.json()["tenant_id"] == tenant


async def test_the_tenants_header_goes_before_the_host(street: ManyTenants) -> None:
    await street.client.post("/sys/provision", json=PIZZA)
    headers = {"host": "nowhere.example", "x-tenant-id": "pizza"}
    answer = await street.client.get("/store/config", headers=headers)
    assert answer.json() == {
        "tenantId": "pizza",
        "tenant_id": "pizza",
        "name": PIZZA["name"],
        "theme": PIZZA["theme"],
        "currency": "EUR",
    }
    known = {**headers, "if-none-match": answer.headers["etag"]}
    assert (await street.client.get("/store/config", headers=known)).status_code == 304


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "nowhere.example"},
        {"host": "pizza.localhost.evil.example"},
        {"host": "xpizza.localhost"},
        {"x-tenant-id": "nobody"},
        {"x-tenant-id": "pizza.localhost"},
        {"x-tenant-id": "Pizza"},
        {"x-tenant-id": "system"},
        {"host": "nowhere.example", "x-forwarded-host": "pizza.localhost"},
    ],
)
async def test_an_unknown_tenant_is_not_found(street: ManyTenants, headers: dict[str, str]) -> None:
    await street.client.post("/sys/provision", json=PIZZA)
    for path in ("/store/config", "/stock", "/events"):
        problem_of(await street.client.get(path, headers=headers), 404, "not_found")


async def test_a_domain_that_moves_is_followed_at_once(street: ManyTenants) -> None:
    await street.provision("pizza")
    await street.provision("bar")
    old, new = {"host": "pizza.example"}, {"host": "roma.example"}
    assert (await street.client.get("/store/config", headers=old)).status_code == 200
    moved = await street.client.patch("/sys/tenants/pizza", json={"domain": "Roma.Example"})
    assert moved.json()["domain"] == "roma.example"
    assert (await street.client.get("/store/config", headers=old)).status_code == 404
    assert (await street.client.get("/store/config", headers=new)).json()["tenantId"] == "pizza"
    taken = await street.client.patch("/sys/tenants/pizza", json={"domain": "bar.example"})
    problem_of(taken, 409, "already_exists")
    given = await street.client.patch("/sys/tenants/bar", json={"domain": "pizza.example"})
    assert given.status_code == 200
    assert (await street.client.get("/store/config", headers=old)).json()["tenantId"] == "bar"


async def test_a_tenant_is_changed_field_by_field(street: ManyTenants) -> None:
    await street.client.post("/sys/provision", json=PIZZA)
    changes = {"name": "Roma", "currency": "CHF", "defaultStoreId": "MAIN"}
    changed = await street.client.patch("/sys/tenants/pizza", json=changes)
    assert {name: changed.json()[name] for name in changes} == changes
    assert changed.json()["theme"] == PIZZA["theme"], "what was not named stays"
    assert (changed.json()["version"], changed.headers["etag"]) == (2, '"2"')
    cleared = await street.client.patch(
        "/sys/tenants/pizza", json={"theme": None, "default_store_id": None, "name": None}
    )
    assert (cleared.json()["theme"], cleared.json()["defaultStoreId"]) == ({}, None)
    assert cleared.json()["name"] == "Roma"
    same = await street.client.patch("/sys/tenants/pizza", json={"currency": "CHF"})
    assert same.json()["version"] == 3, "nothing changed"
    stale = await street.client.patch(
        "/sys/tenants/pizza", json={"name": "X"}, headers={"if-match": '"1"'}
    )
    assert problem_of(stale, 409, "version_conflict")["details"] == {"currentVersion": 3}
    known = await street.client.get("/sys/tenants/pizza", headers={"if-none-match": '"3"'})
    assert known.status_code == 304
    problem_of(await street.client.patch("/sys/tenants/no", json={}), 404, "not_found")


async def test_a_tenants_default_store_is_meant_where_none_is_named(street: ManyTenants) -> None:
    await street.provision("pizza")
    await street.client.patch("/sys/tenants/pizza", json={"defaultStoreId": "S"})
    await street.receive("pizza", qty=5)
    second = {"storeId": "T", "sku": "A", "qty": 5}
    headers = {"x-tenant-id": "pizza"}
    await street.client.post("/inventory/receive", json=second, headers=headers)
    body = {"sku": "A", "quantity": 1, "userId": "ada"}
    held = await street.client.post("/inventory/reserve", json=body, headers=headers)
    assert held.status_code == 201, held.text
    store = await street.client.get("/stores/S/inventory/A", headers=headers)
    assert store.json()["reserved"] == 1


async def test_a_suspended_tenant_is_told_so_until_it_is_resumed(street: ManyTenants) -> None:
    await street.provision("pizza")
    await street.receive("pizza")
    await street.client.patch("/sys/tenants/pizza", json={"status": "suspended"})
    problem_of(await street.receive("pizza"), 403, "tenant_suspended")
    by_host = await street.client.get("/store/config", headers={"host": "pizza.example"})
    problem_of(by_host, 403, "tenant_suspended")
    assert (await street.client.get("/sys/tenants/pizza")).json()["status"] == "suspended"
    assert (await street.receive("default")).status_code == 200, "others go on"
    await street.client.patch("/sys/tenants/pizza", json={"status": "active"})
    assert await street.on_hand("pizza") == 1


async def test_a_deleted_tenants_folder_is_in_the_trash_and_its_id_is_free(
    street: ManyTenants,
) -> None:
    await street.provision("pizza")
    await street.receive("pizza", qty=7)
    stale = await street.client.delete("/sys/tenants/pizza", headers={"if-match": '"9"'})
    problem_of(stale, 409, "version_conflict")
    deleted = await street.client.delete("/sys/tenants/pizza", headers={"if-match": '"1"'})
    assert deleted.json()["status"] == "deleted"
    assert list((street.folder / deleted.json()["trash"] / "journal").glob("*.log"))
    assert not (street.folder / "tenants" / "pizza").exists()
    problem_of(await street.receive("pizza"), 404, "not_found")
    problem_of(await street.client.delete("/sys/tenants/pizza"), 404, "not_found")
    again = await street.provision("pizza")
    assert (again.status_code, again.json()["version"]) == (201, 3), "versions count on"
    problem_of(
        await street.client.get("/stores/S/inventory/A", headers={"x-tenant-id": "pizza"}),
        404,
        "not_found",
    )


async def test_the_default_tenant_stays(street: ManyTenants) -> None:
    problem_of(await street.client.delete("/sys/tenants/default"), 409, "in_use")
    moved = await street.client.patch("/sys/tenants/default", json={"domain": "shop.example"})
    assert moved.status_code == 200
    for host in ("shop.example", "localhost", "127.0.0.1"):
        answer = await street.client.get("/store/config", headers={"host": host})
        assert answer.json()["tenantId"] == "default"


async def test_what_was_made_is_there_after_a_restart(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path) as street:
        await street.client.post("/sys/provision", json=PIZZA)
        await street.receive("pizza", qty=3)
        before = (await street.client.get("/sys/tenants")).json()
    async with ManyTenants(tmp_path) as street:
        assert (await street.client.get("/sys/tenants")).json() == before
        assert "pizza" not in street.registry.ledgers, "nobody asked for it yet"
        assert await street.on_hand("pizza") == 3


async def test_a_version_that_is_expected_in_the_body_keeps_a_tenant(street: ManyTenants) -> None:
    await street.provision("pizza")
    for body, status in (({"expectedVersion": 2}, 409), ({"expectedVersion": 1}, 200)):
        answer = await street.client.request("DELETE", "/sys/tenants/pizza", json=body)
        assert answer.status_code == status
