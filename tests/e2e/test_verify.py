"""`holdfast verify` on the folder of a server: at rest, at work, and harmed."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.mixed_load import SETTINGS, Load
from tests.e2e.processes import HOLDFAST, Server
from tests.unit.verify.folders import contents, edit_shard, rewrite_line, segments


def verify(data_dir: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*HOLDFAST, "verify", "--data-dir", str(data_dir), *options],
        capture_output=True,
        text=True,
        check=False,
    )


async def acknowledged_so_many(load: Load, number: int) -> None:
    while len(load.acknowledged) < number:
        await asyncio.to_thread(lambda: None)


async def test_a_server_at_work_is_verified_again_and_again(tmp_path: Path, seed: int) -> None:
    server = Server(tmp_path, **SETTINGS)
    data_dir = tmp_path / "data"
    with server.running():
        load, stopped = Load(seed), asyncio.Event()
        clients = asyncio.create_task(load.run(server.url, lambda _: stopped.is_set()))
        await acknowledged_so_many(load, 100)
        for number in range(4):
            before = len(load.acknowledged)
            options = ["--json", "--url", server.url] if number else ["--json"]
            verified = await asyncio.to_thread(verify, data_dir, *options)
            assert verified.returncode == 0, verified.stdout + verified.stderr
            (result,) = json.loads(verified.stdout)["tenants"]
            assert result["events"] >= before
            assert len(load.acknowledged) > before, "it did not go on working meanwhile"
            if number:
                assert result["live"].endswith("records that the server shows were compared")
            else:
                assert "serves the folder, and --url" in result["live"]
        stopped.set()
        await clients
    verified = verify(data_dir)
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that a server has worked on, and ended in good order."""
    folder = tmp_path_factory.mktemp("served")
    server = Server(folder, **SETTINGS)
    with server.running(), httpx2.Client(base_url=server.url + "/api/v1") as client:
        for number in range(1, 30):
            body: dict[str, Any] = {"storeId": "S1", "sku": f"SKU{number % 7}", "qty": number}
            response = client.post("/inventory/receive", json=body)
            assert response.status_code == 200
    return folder / "data"


@pytest.fixture
def data_dir(served: Path, tmp_path: Path) -> Path:
    return shutil.copytree(served, tmp_path / "data")


def test_a_folder_at_rest_is_equal_and_stays_as_it_was(data_dir: Path) -> None:
    before = contents(data_dir)
    for path in [data_dir, *data_dir.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        verified = verify(data_dir)
    finally:
        for path in [data_dir, *data_dir.rglob("*")]:
            path.chmod(0o755)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert verified.stderr == ""
    assert contents(data_dir) == before
    told = verified.stdout.splitlines()
    assert [line for line in told if not line.startswith(" ")] == [
        f"{data_dir / 'tenants' / 'default'}: all equal",
        f"{data_dir / 'system'}: all equal",
    ]
    rows = [line for line in told if line.startswith(" ")]
    each = ["events", "segments", "checkpoints", "records", "live", "duration"]
    assert [row.split()[0] for row in rows] == 2 * each
    assert rows[0].split()[1] == "29"


def test_harm_is_named_and_the_exit_code_tells(data_dir: Path) -> None:
    folder = data_dir / "tenants" / "default"
    first = segments(folder)[0]
    at = rewrite_line(first, 7, lambda body: body.replace(b'"qty":7', b'"qty":8'))
    verified = verify(data_dir)
    assert verified.returncode == 65, verified.stdout
    assert "Difference 1, journal: event 7: the chain is broken at event 7" in verified.stdout
    assert f"{first} at byte {at}" in verified.stdout
    assert "Restore the tenant's folder from a backup or a copy" in verified.stdout


def test_harm_in_a_checkpoint_is_named_with_its_event(data_dir: Path) -> None:
    folder = data_dir / "tenants" / "default"
    body = json.loads((folder / "state" / "MANIFEST.json").read_text("utf-8"))
    shard = next(name for name in body["files"] if name.startswith("stock/"))
    file = edit_shard(
        folder, "MANIFEST.json", shard, lambda records: records[0].update(version=4711)
    )
    verified = verify(data_dir, "--json")
    assert verified.returncode == 65
    told = json.loads(verified.stdout)
    assert told["equal"] is False
    (result,) = told["tenants"]
    found = result["differences"][-1]
    checkpoint = [each for each in result["differences"] if each["where"] == "checkpoint"][-1]
    assert checkpoint["path"] == str(file)
    assert '"version":4711' in checkpoint["found"]
    assert f"event {checkpoint['sequence']}, {folder}" in checkpoint["written_by"]
    assert found["where"] == "start"


def test_a_server_of_another_folder_is_told_apart(served: Path, tmp_path: Path) -> None:
    server = Server(tmp_path, **SETTINGS)
    with server.running():
        verified = verify(served, "--url", server.url)
    assert verified.returncode == 65
    assert "Difference 1, live: the server's events are not those of this journal" in (
        verified.stdout
    )


def test_a_suspended_tenant_keeps_no_other_from_being_compared(tmp_path: Path) -> None:
    server = Server(tmp_path, **SETTINGS)
    with server.running(), httpx2.Client(base_url=server.url + "/api/v1") as client:
        body = {"storeId": "S1", "sku": "TEA", "qty": 1}
        for name in ("bar", "pizza"):
            client.post("/sys/provision", json={"name": name, "domain": f"{name}.example"})
            client.post("/inventory/receive", json=body, headers={"X-Tenant-ID": name})
        client.patch("/sys/tenants/bar", json={"status": "suspended"})
        verified = verify(tmp_path / "data", "--json", "--url", server.url)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    told = {each["tenant"]: each for each in json.loads(verified.stdout)["tenants"]}
    assert told["pizza"]["live"].startswith("2 records that the server shows")
    assert told["bar"]["live"].startswith("not compared: the tenant is suspended")
    assert told["bar"]["events"] == 1
