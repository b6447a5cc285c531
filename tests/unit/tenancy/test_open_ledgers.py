"""Whose ledgers are open: opened by whoever asks first, closed when nobody asks."""

import asyncio
import gc
import shutil
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from holdfast.ledger.opening import Loaded
from holdfast.tenancy import LedgersConfig
from holdfast.tenancy.folders import Folders
from tests.support.many_tenants import NEVER_IDLE, ManyTenants
from tests.support.opened import until
from tests.unit.http.world import problem_of

#: Whoever is swept is idle; a test sweeps by itself, long before the registry would.
AT_ONCE_IDLE: Final = LedgersConfig(idle_s=0, retry_ms=1)
PIZZA: Final = {"x-tenant-id": "pizza"}


def count_loads(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> list[str]:
    """Note every tenant that is loaded, and do something before it is."""
    loaded: list[str] = []
    load = Folders.load

    def noting(folders: Folders, tenant_id: str) -> Loaded:
        loaded.append(tenant_id)
        meanwhile()
        return load(folders, tenant_id)

    monkeypatch.setattr(Folders, "load", noting)
    return loaded


async def closed(street: ManyTenants, tenant: str = "pizza") -> None:
    """Sweep until a tenant is closed."""

    def is_closed() -> bool:
        street.registry.sweep()
        return tenant not in street.registry.ledgers

    await until(is_closed)
    # Whoever asks now waits until it is; closing has come to its end then.
    await street.client.get("/stock", headers={"x-tenant-id": tenant})


async def swept(street: ManyTenants) -> None:
    """Sweep twice, and let everything happen that follows."""
    for _ in range(2):
        street.registry.sweep()
        await asyncio.to_thread(int)
        await asyncio.sleep(0)


async def test_many_who_ask_at_once_open_a_tenant_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ManyTenants(tmp_path) as street:
        await street.provision("pizza")
        loaded = count_loads(monkeypatch, lambda: None)
        answers = await asyncio.gather(*(street.receive("pizza") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert loaded == ["pizza"]
        assert await street.on_hand("pizza") == 20


async def test_a_request_waits_for_opening_only_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = NEVER_IDLE._replace(open_wait_s=0.01)
    async with ManyTenants(tmp_path, config) as street:
        await street.provision("pizza")
        gate = threading.Event()
        count_loads(monkeypatch, gate.wait)
        problem = problem_of(await street.receive("pizza"), 503, "tenant_unavailable")
        assert "still being opened" in problem["detail"]
        assert (await street.receive("default")).status_code == 200, "others do not wait"
        gate.set()
        await until(lambda: "pizza" in street.registry.ledgers)
        assert (await street.receive("pizza")).status_code == 200


async def test_only_so_many_wait_for_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ManyTenants(tmp_path, NEVER_IDLE._replace(waiting_max=2)) as street:
        await street.provision("pizza")
        gate = threading.Event()
        loaded = count_loads(monkeypatch, gate.wait)
        waiting = [asyncio.create_task(street.receive("pizza")) for _ in range(2)]
        await until(lambda: loaded == ["pizza"])
        problem_of(await street.receive("pizza"), 503, "overloaded")
        gate.set()
        assert [(await each).status_code for each in waiting] == [200, 200]


async def test_an_idle_tenant_is_closed_and_opened_again_by_whoever_asks(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path, AT_ONCE_IDLE) as street:
        await street.provision("pizza")
        await street.receive("pizza", qty=4)
        await closed(street)
        journal = sorted((tmp_path / "tenants" / "pizza" / "journal").glob("*.log"))
        assert b" sealed 1 " in journal[0].read_bytes()
        assert (tmp_path / "tenants" / "pizza" / "state" / "MANIFEST.json").exists()
        assert await street.on_hand("pizza") == 4
        await street.receive("pizza", qty=1)
        assert await street.on_hand("pizza") == 5


async def test_a_closed_tenant_leaves_no_memory_behind(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path, AT_ONCE_IDLE) as street:
        await street.provision("pizza")
        await street.receive("pizza")
        ledger = street.registry.ledgers["pizza"]
        parts = [weakref.ref(part) for part in (ledger, ledger._state, ledger._journal)]
        del ledger
        gc.collect()
        gc.disable()
        try:
            await closed(street)
            await until(lambda: all(part() is None for part in parts))
        finally:
            gc.enable()


async def test_a_tenant_that_is_asked_now_and_then_stays_open(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path, NEVER_IDLE) as street:
        await street.provision("pizza")
        for _ in range(5):
            await street.receive("pizza")
            assert street.registry.addresses, "the next request finds it by one look"
            street.registry.sweep()
            assert not street.registry.addresses
            assert "pizza" in street.registry.ledgers


async def test_a_tenant_with_a_deadline_stays_open(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path, AT_ONCE_IDLE) as street:
        await street.provision("pizza")
        await street.receive("pizza")
        body = {"qty": 1, "userId": "ada"}
        held = await street.client.post("/stores/S/inventory/A/reserve", json=body, headers=PIZZA)
        await swept(street)
        assert "pizza" in street.registry.ledgers
        which = held.json()["reservationId"]
        await street.client.post(
            f"/reservations/{which}/cancel", json={"userId": "ada"}, headers=PIZZA
        )
        await closed(street)


async def test_a_tenant_whose_events_somebody_waits_for_stays_open(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path, AT_ONCE_IDLE) as street:
        await street.provision("pizza")
        await street.receive("pizza")
        ledger = street.registry.ledgers["pizza"]
        poll = asyncio.create_task(street.client.get("/events?after=1&wait=20", headers=PIZZA))
        await until(lambda: ledger._feed.waiting > 0)
        await swept(street)
        assert street.registry.ledgers.get("pizza") is ledger
        await street.receive("pizza")
        assert [event["sequence"] for event in (await poll).json()["items"]] == [2]
        unfollow = ledger.follow(lambda *_: None)
        await swept(street)
        assert street.registry.ledgers.get("pizza") is ledger
        unfollow()
        await closed(street)


async def test_a_menu_that_is_kept_keeps_no_tenant_open_and_goes_with_its_ledger(
    tmp_path: Path,
) -> None:
    async with ManyTenants(tmp_path, AT_ONCE_IDLE) as street:
        await street.provision("pizza")
        await street.receive("pizza")
        assert (await street.client.get("/menu", headers=PIZZA)).status_code == 200
        ledger = weakref.ref(street.registry.ledgers["pizza"])
        await closed(street)
        assert (await street.client.get("/menu", headers=PIZZA)).status_code == 200
        await until(lambda: ledger() is None)


async def test_a_request_that_outlived_its_tenants_ledger_is_told_to_come_again(
    tmp_path: Path,
) -> None:
    async with ManyTenants(tmp_path, AT_ONCE_IDLE) as street:
        await street.provision("pizza")
        await street.receive("pizza")
        late = street.registry.ledgers["pizza"]
        await closed(street)
        street.registry.addresses[b"pizza", b"localhost"] = late
        problem_of(await street.receive("pizza"), 503, "tenant_unavailable")
        answer = await street.client.get("/stock", headers=PIZZA)
        problem_of(answer, 503, "tenant_unavailable")


async def test_a_tenant_that_was_never_used_is_not_opened_by_a_start(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path) as street:
        for name in ("new", "used", "holding"):
            await street.provision(name)
        await street.receive("used")
        await street.receive("holding")
        body = {"qty": 1, "ttlSeconds": 86_400}
        await street.client.post(
            "/stores/S/inventory/A/reserve", json=body, headers={"x-tenant-id": "holding"}
        )
    async with ManyTenants(tmp_path) as street:
        assert set(street.registry.ledgers) == {"default", "holding"}


async def test_a_start_opens_what_was_not_sealed_or_says_no_deadline(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path) as street:
        for name in ("killed", "older", "behind"):
            await street.provision(name)
            await street.receive(name)
    journal = tmp_path / "tenants" / "killed" / "journal"
    newest = max(journal.glob("*.log"))
    newest.write_bytes(b"".join(newest.read_bytes().splitlines(keepends=True)[:-1]))
    shutil.rmtree(tmp_path / "tenants" / "older" / "state")
    async with ManyTenants(tmp_path) as street:
        assert set(street.registry.ledgers) == {"default", "killed", "older"}
        assert await street.on_hand("killed") == await street.on_hand("older") == 1
    async with ManyTenants(tmp_path) as street:
        assert set(street.registry.ledgers) == {"default"}, "by now it is known"


async def test_a_deadline_that_came_while_nothing_ran_is_written_by_the_start(
    tmp_path: Path,
) -> None:
    async with ManyTenants(tmp_path) as street:
        await street.provision("pizza")
        await street.receive("pizza")
        body = {"isOut": True, "until": "2026-11-20T00:00:00.500Z"}
        ledger = street.registry.ledgers["pizza"]
        # The clock of the test is the machine's: so the flag is set in its past.
        ledger._clock._base_ms = 0
        ledger._clock._clock = _Past()
        answer = await street.client.post("/stores/S/inventory/A/out", json=body, headers=PIZZA)
        assert answer.status_code == 200, answer.text
    async with ManyTenants(tmp_path) as street:
        ledger = street.registry.ledgers["pizza"]
        await until(lambda: ledger.last_sequence == 3)
        answer = await street.client.get("/stores/S/inventory/A", headers=PIZZA)
        assert answer.json()["isOut"] is False


class _Past:
    """A clock that stands still before the deadline."""

    def wall_ms(self) -> int:
        return 1_795_132_800_000

    def monotonic_ns(self) -> int:
        return 0


async def test_counters_do_not_fall_when_a_tenant_is_closed(tmp_path: Path) -> None:
    async with ManyTenants(tmp_path, AT_ONCE_IDLE) as street:
        await street.provision("pizza")
        await street.receive("pizza")
        before = street.registry.stats().events
        await closed(street)
        assert street.registry.stats().events == before == 1
        assert street.registry.times_closed >= 1
