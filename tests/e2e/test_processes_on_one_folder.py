"""`LOCKS_ENABLED=true`: several servers on one folder, and who is turned away from it."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import HOLDFAST, Server
from tests.e2e.sharers import SHARED, counters
from tests.e2e.test_kill_under_load import demand_verified

USAGE, UNAVAILABLE = 64, 69
#: However busy the machine is, a request here waits for its turn.
PATIENT = SHARED | {"LOCK_WAIT_MS": "20000"}


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    with ExitStack() as stack:
        one, other = (stack.enter_context(Server(tmp_path, **PATIENT).running()) for _ in range(2))
        yield one, other
    demand_verified(tmp_path / "data")


def refused(folder: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    """Start a server that must not come up: its exit code, and what it says."""
    given = {"PORT": "0", "DATA_DIR": str(folder / "data"), "LOG_FILE": str(folder / "log")}
    done = subprocess.run(
        [*HOLDFAST, "serve", *arguments],
        env=os.environ | given | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def post(
    server: Server, path: str, body: dict[str, Any], key: str | None = None
) -> httpx2.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return httpx2.post(f"{server.url}/api/v1{path}", json=body, headers=headers, timeout=60)


def receive(server: Server, qty: int = 1, key: str | None = None) -> httpx2.Response:
    return post(server, "/inventory/receive", {"storeId": "S", "sku": "A", "qty": qty}, key)


def stock(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = httpx2.get(
        f"{server.url}/api/v1/stores/S/inventory/A", timeout=60
    ).json()
    return found


def events(server: Server, after: int = 0, wait: int = 0) -> list[dict[str, Any]]:
    query = {"after": str(after), "wait": str(wait)}
    response = httpx2.get(f"{server.url}/api/v1/events", params=query, timeout=60)
    found: list[dict[str, Any]] = response.json()["items"]
    return found


def test_what_one_answered_the_other_shows(pair: tuple[Server, Server]) -> None:
    for number in range(10):
        asked, looks = pair if number % 2 else pair[::-1]
        assert receive(asked).status_code == 200
        assert stock(looks)["version"] == number + 1


async def test_one_key_in_two_processes_at_once_is_one_write(pair: tuple[Server, Server]) -> None:
    for number in range(10):
        answers = await asyncio.gather(
            *(asyncio.to_thread(receive, server, 1, f"key-{number}") for server in pair)
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        assert [answer.headers.get("Idempotent-Replayed") for answer in answers].count("true") == 1
    assert stock(pair[0])["onHand"] == 10


def test_a_deadline_is_written_by_one_of_them(pair: tuple[Server, Server]) -> None:
    one, other = pair
    received = receive(one, 5)
    assert received.status_code == 200, received.text
    body = {"storeId": "S", "lines": [{"sku": "A", "qty": 2}], "ttlSeconds": 1}
    assert post(other, "/reservations", body).status_code == 201
    assert [event["type"] for event in events(one, after=2, wait=20)] == ["ReservationExpired"]
    assert receive(other).json()["onHand"] == 6
    assert [event["type"] for event in events(other, after=2)] == [
        "ReservationExpired",
        "StockReceived",
    ]


def test_while_one_stands_still_in_its_turn_the_other_says_lease_held_and_takes_over(
    tmp_path: Path,
) -> None:
    settings = SHARED | {"LOCK_TTL_MS": "3000", "LOCK_REJECT_STATUS": "423", "FAULTS": "on"}
    with (
        Server(tmp_path, **settings).running() as one,
        Server(tmp_path, **settings).running() as other,
    ):
        assert receive(one).status_code == 200
        slow = {"faults": [{"op": "fdatasync", "action": "delay", "delayMs": 3000, "times": None}]}
        assert httpx2.put(f"{one.url}/debug/faults", json=slow, timeout=60).status_code == 200
        body = {"storeId": "S", "sku": "A", "qty": 1}
        with ExitStack() as stack:
            client = stack.enter_context(httpx2.Client(timeout=60))
            sent = stack.enter_context(subprocess_post(f"{one.url}/api/v1/inventory/receive", body))
            refusal = receive(other)
            while refusal.status_code == 200:
                refusal = receive(other)
            assert refusal.status_code == 423
            problem = refusal.json()
            assert (problem["code"], problem["details"]) == ("lease_held", {"retryAfterMs": 300})
            assert refusal.headers["Retry-After"] == "1"
            os.kill(one.process_id, signal.SIGSTOP)
            while receive(other).status_code != 200:
                pass
            os.kill(one.process_id, signal.SIGCONT)
            client.delete(f"{one.url}/debug/faults")
            sent.wait(60)
        assert asyncio.run(counters(other.url))["lockStolen"] >= 1
        assert stock(one) == stock(other)


def subprocess_post(url: str, body: dict[str, Any]) -> "subprocess.Popen[bytes]":
    """Send a request whose answer may take its time."""
    command = ["curl", "-s", "-m", "60", "-H", "Content-Type: application/json"]
    return subprocess.Popen(
        [*command, "-d", json.dumps(body), url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_who_serves_alone_and_who_shares_do_not_meet_in_one_folder(tmp_path: Path) -> None:
    shared = {"LOCKS_ENABLED": "true"}
    with Server(tmp_path).running():
        code, said = refused(tmp_path, **shared)
        assert code == UNAVAILABLE
        assert "alone; stop it and start all of them with LOCKS_ENABLED=true" in said
    with Server(tmp_path, **shared).running() as sharing:
        code, said = refused(tmp_path)
        assert (code, f"(id {sharing.process_id})" in said) == (UNAVAILABLE, True), said


def test_processes_that_would_not_see_each_others_leases_are_refused(tmp_path: Path) -> None:
    with Server(tmp_path, LOCKS_ENABLED="true").running():
        other = {"LOCKS_ENABLED": "true", "LOCK_DIR": str(tmp_path / "elsewhere")}
        code, said = refused(tmp_path, **other)
        assert (code, "Set the same LOCK_DIR for all." in said) == (UNAVAILABLE, True), said
        same = {"LOCKS_ENABLED": "true", "LOCK_DIR": str(tmp_path / "data" / "locks")}
        with Server(tmp_path, **same).running() as server:
            assert receive(server).status_code == 200


def test_a_folder_that_was_shared_is_served_alone_again(tmp_path: Path) -> None:
    for settings in ({"LOCKS_ENABLED": "true"}, {}, {"LOCKS_ENABLED": "true"}):
        with Server(tmp_path, **settings).running() as server:
            assert receive(server).status_code == 200
    with Server(tmp_path).running() as server:
        assert stock(server)["onHand"] == 3
    demand_verified(tmp_path / "data")


def test_workers_need_leases(tmp_path: Path) -> None:
    code, said = refused(tmp_path, "--workers", "2")
    assert (code, "LOCKS_ENABLED=true" in said) == (USAGE, True), said


def test_leases_that_run_out_before_they_are_renewed_are_refused(tmp_path: Path) -> None:
    code, said = refused(tmp_path, LOCK_TTL_MS="1000", LOCK_RENEW_MS="1000")
    assert (code, "must be less than LOCK_TTL_MS=1000" in said) == (USAGE, True), said


def workers_of(server: Server) -> set[int]:
    children = Path(f"/proc/{server.process_id}/task/{server.process_id}/children")
    return {int(each) for each in children.read_text("ascii").split()}


def test_workers_serve_one_port_and_one_that_dies_is_replaced(tmp_path: Path) -> None:
    with Server(tmp_path, *HOLDFAST, "serve", "--workers", "2", **PATIENT).running() as server:
        first = workers_of(server)
        assert len(first) == 2
        keys = [f"key-{number}" for number in range(20)]
        for key in keys:
            assert receive(server, 1, key).status_code == 200
        victim = min(first)
        os.kill(victim, signal.SIGKILL)
        while victim in workers_of(server) or len(workers_of(server)) < 2:
            pass
        for key in keys:
            answer = receive(server, 1, key)
            assert answer.headers["Idempotent-Replayed"] == "true", answer.text
        assert stock(server)["onHand"] == 20
        last = workers_of(server)
    assert not [each for each in last if Path(f"/proc/{each}").exists()]
    demand_verified(tmp_path / "data")


def test_a_worker_that_cannot_start_ends_them_all_and_says_why(tmp_path: Path) -> None:
    with Server(tmp_path).running():
        code, said = refused(tmp_path, "--workers", "2", LOCKS_ENABLED="true")
    assert (code, "alone; stop it" in said) == (UNAVAILABLE, True), said


def test_a_tenant_that_another_process_may_have_open_is_not_deleted(tmp_path: Path) -> None:
    one, other = (Server(tmp_path, **PATIENT) for _ in range(2))
    with one.running():
        with other.running():
            made = post(one, "/sys/provision", {"name": "Pizza", "domain": "pizza.example"})
            tenant = f"{one.url}/api/v1/sys/tenants/{made.json()['tenantId']}"
            refused = httpx2.delete(tenant, timeout=60)
            assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
            assert "End all but one" in refused.json()["detail"]
            assert httpx2.get(tenant, timeout=60).status_code == 200
        assert httpx2.delete(tenant, timeout=60).json()["status"] == "deleted"
    demand_verified(tmp_path / "data")
