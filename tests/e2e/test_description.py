"""The running server is held against `openapi.yaml`, and what one request made the next ones use."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.conftest import ROOT
from tests.e2e.processes import Server

#: The same requests each time, as far as ids and times allow.
BRIEFLY = ("--generation-deterministic", "--max-examples", "20")
DESCRIPTION = ROOT / "openapi.yaml"
STOCK = [(store, sku) for store in ("STORE001", "STORE002") for sku in ("SKU123", "TEA")]


SALAD = {"id": "salad", "name": "Salad", "price": 500, "recipe": [{"sku": "TEA", "qty": 2}]}
TEA = {"sku": "TEA", "name": "tea leaves", "lowStockThreshold": 1_000_000}


def stocked(server: Server) -> str:
    """Take goods in, so that there is something to reserve, and return the interface's address."""
    url = f"{server.url}/api/v1"
    for store_id, sku in STOCK:
        body = {"storeId": store_id, "sku": sku, "qty": 1_000_000}
        assert httpx2.post(f"{url}/inventory/receive", json=body).status_code == 200
    assert httpx2.post(f"{url}/items", json=TEA).status_code == 201
    assert httpx2.post(f"{url}/manager/menu", json=SALAD).status_code == 201
    return url


def without_sign_in(folder: Path) -> Path:
    """The description as it holds while `AUTH_MODE` is off: nobody is asked for a token."""
    description = yaml.safe_load(DESCRIPTION.read_text("utf-8"))
    del description["components"]["securitySchemes"]
    description.pop("security", None)
    for operations in description["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                operation.pop("security", None)
    path = folder / "without_sign_in.yaml"
    path.write_text(yaml.safe_dump(description), "utf-8")
    return path


def search(description: Path, folder: Path, seed: int, *more: str) -> Any:
    """Search for a difference between a description and a server; return schemathesis's report."""
    report = folder / "report.json"
    with Server(folder, RATE_LIMIT_RPS="0").running() as server:
        run = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("--config-file", str(ROOT / "tests/e2e/schemathesis.toml")),
                *("run", str(description), "--url", stocked(server), "--no-color"),
                *("--seed", str(seed)),
                *("--report", "json", "--report-json-path", str(report), *more),
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    print(run.stdout, run.stderr)
    assert report.exists(), "schemathesis did not get as far as a report"
    return json.loads(report.read_text("utf-8"))


def assert_found_nothing(report: Any, cases_min: int) -> None:
    assert (report["failures"], report["errors"]) == ([], [])
    assert report["exit_code"] == 0
    assert report["phases"]["stateful"]["status"] == "success"
    assert report["operations"]["tested"] == report["operations"]["total"]
    assert report["test_cases"]["generated"] >= cases_min


@pytest.mark.timeout(600)
def test_the_server_does_what_the_description_says(tmp_path: Path) -> None:
    phases = ("--phases", "examples,coverage,stateful")
    report = search(without_sign_in(tmp_path), tmp_path, 1, *phases, *BRIEFLY)
    assert_found_nothing(report, 2000)


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_a_long_search_finds_no_difference(tmp_path: Path, seed: int) -> None:
    report = search(without_sign_in(tmp_path), tmp_path, seed, "--max-time", "600")
    assert_found_nothing(report, 5000)


@pytest.mark.timeout(300)
def test_planted_differences_are_found(tmp_path: Path) -> None:
    description = yaml.safe_load(without_sign_in(tmp_path).read_text("utf-8"))
    reservation = description["components"]["schemas"]["Reservation"]
    # Each shows only where one request uses what another has made.
    del description["paths"]["/reservations/{reservationId}"]["get"]["responses"]["200"]
    reservation["properties"]["status"]["enum"].remove("confirmed")
    planted = tmp_path / "planted.yaml"
    planted.write_text(yaml.safe_dump(description), "utf-8")
    few = ("--include-path-regex", "^/reservations", "--generation-deterministic")
    report = search(planted, tmp_path, 1, "--phases", "stateful", "--max-examples", "80", *few)
    found = {each["type"] for each in report["failures"]}
    assert found == {"UndefinedStatusCode", "JsonSchemaError"}
