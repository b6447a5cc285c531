"""The end of the service, cut off at every step: what was answered is there at the next start.

The steps on the disk are found with the dial for faults: a process is told to end, and killed before
its first write, its second … until one ends in peace because there was no such step.
"""

import asyncio
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from holdfast.journal import OsDisk, recover
from tests.e2e.mixed_load import SETTINGS, Load
from tests.e2e.processes import Server
from tests.e2e.test_kill_under_load import demand_verified, replay

FAULTS = "/debug/faults"
OPERATIONS = ("open", "write", "fdatasync", "fsync", "rename")
FOR_EVER_MS = 600_000
KEYS_KEPT = {"IDEMP_TTL_MS": "86400000", "RATE_LIMIT_RPS": "0", "FAULTS": "on"}


def process_of(server: Server) -> "subprocess.Popen[str]":
    assert server._process is not None
    return server._process


def set_faults(server: Server, *faults: dict[str, Any]) -> None:
    answer = httpx2.put(server.url + FAULTS, json={"faults": list(faults)})
    assert answer.status_code == 200, answer.text


def receive(server: Server, key: str) -> httpx2.Response:
    return httpx2.post(
        server.url + "/inventory/receive",
        json={"storeId": "S", "sku": "A", "qty": 1},
        headers={"Idempotency-Key": key},
        timeout=30,
    )


class Shop:
    """One folder through many processes, and what was answered."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.server = Server(folder, **(KEYS_KEPT | settings))
        self.journal = folder / "data" / "tenants" / "default" / "journal"
        self.answers: dict[str, Any] = {}

    def start_and_check(self) -> None:
        """Start on what is left; every answer so far comes again, and nothing happened twice."""
        self.server.start()
        for key, answer in self.answers.items():
            again = receive(self.server, key)
            assert (again.headers.get("idempotent-replayed"), again.json()) == ("true", answer)

    def sell(self) -> None:
        for _ in range(3):
            key = f"k{len(self.answers)}"
            answer = receive(self.server, key)
            assert answer.status_code == 200
            self.answers[key] = answer.json()
            assert answer.json()["onHand"] == len(self.answers)

    def end(self) -> int:
        """Tell the process to end; its exit code."""
        process = process_of(self.server)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.server._process = None
        return process.returncode

    def kill(self) -> None:
        if self.server._process is not None:
            self.server._process.kill()
            self.server._process.communicate()


def cut_off_at_every(operation: str, folder: Path, stride: int) -> int:
    """Kill one process after the other at a later and later step of its end; how many there were."""
    shop, step = Shop(folder), 0
    try:
        while True:
            shop.start_and_check()
            shop.sell()
            set_faults(shop.server, {"op": operation, "action": "kill_before", "afterCalls": step})
            code = shop.end()
            if code == 0:
                break
            assert code == -signal.SIGKILL
            step += stride
        shop.start_and_check()
        assert shop.end() == 0
        demand_verified(folder / "data")
    finally:
        shop.kill()
    return step // stride


@pytest.mark.timeout(300)
@pytest.mark.parametrize("operation", ["write", "fdatasync", "rename"])
def test_an_end_that_is_cut_off_at_a_step_on_the_disk_loses_nothing(
    tmp_path: Path, operation: str
) -> None:
    assert cut_off_at_every(operation, tmp_path, 2) >= 1


@pytest.mark.campaign
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_end_that_is_cut_off_at_any_step_on_the_disk_loses_nothing(
    tmp_path: Path, operation: str
) -> None:
    steps = cut_off_at_every(operation, tmp_path, 1)
    print(f"{operation}: {steps} steps")
    assert steps >= 2


@pytest.mark.timeout(300)
async def test_an_end_under_load_that_is_cut_off_at_an_instant_loses_nothing(
    tmp_path: Path, seed: int
) -> None:
    server, load = Server(tmp_path, **SETTINGS), Load(seed)
    try:
        for _ in range(3):
            await asyncio.to_thread(server.start)
            process = process_of(server)
            enough = len(load.acknowledged) + load.random.randint(20, 120)
            delay_s = load.random.uniform(0, 0.4)
            told: list[float] = []

            def tell_to_end(_: int) -> bool:
                if not told and len(load.acknowledged) >= enough:  # noqa: B023 - of this round
                    told.append(delay_s)  # noqa: B023 - of this round
                    process.send_signal(signal.SIGTERM)  # noqa: B023 - of this round
                    loop = asyncio.get_running_loop()
                    loop.call_later(delay_s, process.kill)  # noqa: B023 - of this round
                return False

            await load.run(server.url, tell_to_end)
            await asyncio.to_thread(process.communicate, timeout=60)
            server._process = None
            assert process.returncode in {0, -signal.SIGKILL}
            demand_verified(tmp_path / "data")
        await asyncio.to_thread(server.start)
        async with httpx2.AsyncClient(base_url=server.url, timeout=60) as client:
            await replay(client, load.acknowledged)
        await asyncio.to_thread(server.stop)
    finally:
        if server._process is not None:
            server._process.kill()


def said_in(folder: Path) -> str:
    return (folder / "holdfast.log").read_text("utf-8")


def state_files(folder: Path) -> list[Path]:
    return list((folder / "data" / "tenants" / "default" / "state").glob("MANIFEST*"))


def test_a_second_signal_spares_the_checkpoint_and_still_seals(tmp_path: Path) -> None:
    shop = Shop(tmp_path, LOG_LEVEL="info")
    try:
        shop.server.start()
        shop.sell()
        set_faults(shop.server, {"op": "rename", "action": "delay", "delayMs": 1000, "times": None})
        process = process_of(shop.server)
        process.send_signal(signal.SIGTERM)
        while '"event":"closing"' not in said_in(tmp_path):
            assert process.poll() is None
        assert shop.end() == 0
        assert not state_files(tmp_path)
        assert recover(shop.journal, "default", OsDisk(), lambda _: None).sealed
        assert '"hurries":true' in said_in(tmp_path)
        shop.start_and_check()
        assert shop.end() == 0
        assert state_files(tmp_path)
    finally:
        shop.kill()


@pytest.mark.parametrize("operation", ["rename", "fdatasync"])
def test_a_disk_that_hangs_does_not_keep_the_process_beyond_its_time(
    tmp_path: Path, operation: str
) -> None:
    shop = Shop(tmp_path, SHUTDOWN_MS="1500", FLUSH_DEADLINE_MS="300")
    try:
        shop.server.start()
        shop.sell()
        set_faults(
            shop.server,
            {"op": operation, "action": "delay", "delayMs": FOR_EVER_MS, "times": None},
        )
        assert shop.end() == 0
        if operation == "rename":
            assert "the end took too long and was cut short" in said_in(tmp_path)
        shop.start_and_check()
        assert shop.end() == 0
    finally:
        shop.kill()


def test_the_end_is_told_in_the_log_step_by_step(tmp_path: Path) -> None:
    shop = Shop(tmp_path, LOG_LEVEL="info")
    try:
        shop.server.start()
        shop.sell()
        assert shop.end() == 0
    finally:
        shop.kill()
    said = said_in(tmp_path)
    places = [said.index(f'"event":"{event}"') for event in ("told to end", "closing", "ended")]
    assert places == sorted(places)
