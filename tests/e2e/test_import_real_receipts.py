"""Real receipts of a real chain go in, while importer and server are killed again and again."""

import csv
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import Server, command
from tests.e2e.receipts import Receipts

OPENING, MOVEMENTS = "receipts.opening", "receipts.movements"


class Chain:
    """The chain's files, its server, and what the server says."""

    def __init__(self, folder: Path, receipts: Receipts, server: Server) -> None:
        self.folder = folder
        self.receipts = receipts
        self.server = server
        self.file = folder / "receipts.csv"
        self.opening_file = folder / "opening.csv"
        receipts.write(self.file)
        self.opening = receipts.write_opening(self.opening_file)
        self.client = httpx2.Client(base_url=server.url + "/api/v1", trust_env=False, timeout=60)

    @property
    def import_arguments(self) -> list[str]:
        return [
            "import",
            str(self.file),
            *("--opening", str(self.opening_file)),
            *("--except", "department=FUEL"),
            *("--source", "receipts"),
            *("--url", self.server.url),
        ]

    def get(self, path: str, **params: str | int) -> Any:
        response = self.client.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def wait_for_event(self, sequence: int, importer: subprocess.Popen[bytes]) -> None:
        """Wait until so many rows were decided: each is an event."""
        while not self.get("/events", after=sequence - 1, limit=1, wait=5)["items"]:
            assert importer.poll() is None, self.output

    def finish_import(self) -> str:
        with command(self.folder / "import.txt", *self.import_arguments) as importer:
            assert importer.wait(timeout=120) == 0, self.output
        return self.output

    @property
    def output(self) -> str:
        return (self.folder / "import.txt").read_text("utf-8")

    def stock(self) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            more: dict[str, str] = {} if cursor is None else {"cursor": cursor}
            page = self.get("/stock", limit=1000, **more)
            yield from page["items"]
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def mark(self, source: str) -> int:
        mark: int = self.get(f"/batch/sources/{source}", limit=1)["mark"]
        return mark

    def last_sequence(self) -> int:
        sequence: int = self.get("/events", limit=1)["lastSequence"]
        return sequence


@pytest.fixture
def chain(tmp_path: Path, shared_data: Path) -> Iterator[Chain]:
    receipts = Receipts(shared_data / "complete_journey")
    server = Server(
        tmp_path, RATE_LIMIT_RPS="1000000", RATE_LIMIT_BURST="1000000", IDEMP_TTL_MS="200"
    )
    with server.running():
        chain = Chain(tmp_path, receipts, server)
        with chain.client:
            yield chain


def test_the_receipts_are_those_that_were_described(shared_data: Path) -> None:
    receipts = Receipts(shared_data / "complete_journey")
    lines = receipts.lines
    assert len(lines) == 75_000
    assert len({line["store_id"] for line in lines}) == 293
    assert len({line["product_id"] for line in lines}) == 20_902
    assert sum(line["quantity"] == "0" for line in lines) == 416
    assert receipts.unmatched == 222


@pytest.mark.timeout(300)
def test_every_store_holds_what_it_had_minus_what_it_sold_whoever_is_killed(chain: Chain) -> None:
    be_killed_in_the_opening_stock(chain)
    lose_the_server_and_be_killed_in_the_receipts(chain)
    run_twice_at_once(chain)

    held = {(record["storeId"], record["sku"]): record["onHand"] for record in chain.stock()}
    sold = chain.receipts.sold()
    assert held == {place: chain.opening[place] - sold[place] for place in chain.opening}
    listed = refused_lines(chain)
    assert listed == quantity_zero_lines(chain)
    assert len(listed) == 416

    rows = sum(line["department"] != "FUEL" for line in chain.receipts.lines)
    assert chain.last_sequence() == len(chain.opening) + rows, "one event for each row"
    said = chain.finish_import()
    assert chain.last_sequence() == len(chain.opening) + rows, "a repetition changes nothing"
    assert f"{rows:,} of the lines were decided before" in said
    assert refused_lines(chain) == listed
    assert_times_are_the_receipts(chain)


def be_killed_in_the_opening_stock(chain: Chain) -> None:
    with command(chain.folder / "import.txt", *chain.import_arguments) as importer:
        chain.wait_for_event(20_000, importer)
        importer.kill()
    assert 0 < chain.mark(OPENING) < len(chain.opening)
    assert chain.mark(MOVEMENTS) == 0


def lose_the_server_and_be_killed_in_the_receipts(chain: Chain) -> None:
    opening = len(chain.opening)
    with command(chain.folder / "import.txt", *chain.import_arguments) as importer:
        chain.wait_for_event(opening + 15_000, importer)
        chain.server.kill()
        chain.server.start()
        # The importer saw the server die, and goes on by itself.
        chain.wait_for_event(opening + 45_000, importer)
        importer.kill()
    assert 45_000 < chain.mark(MOVEMENTS) < len(chain.receipts.lines)
    chain.server.kill()
    chain.server.start()


def run_twice_at_once(chain: Chain) -> None:
    with command(chain.folder / "other.txt", *chain.import_arguments) as other:
        chain.finish_import()
        assert other.wait(timeout=120) == 0, (chain.folder / "other.txt").read_text("utf-8")


def refused_lines(chain: Chain) -> list[tuple[int, str, str, str]]:
    """What the importer listed."""
    with (chain.folder / "receipts.refused.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == {"receipts.csv"}
    assert all(row["reason"] for row in rows)
    return [(int(row["line"]), row["store"], row["sku"], row["quantity"]) for row in rows]


def quantity_zero_lines(chain: Chain) -> list[tuple[int, str, str, str]]:
    """What it should have listed, from the bare lines of the file."""
    texts = chain.file.read_text("utf-8").splitlines()
    at = {name: index for index, name in enumerate(texts[0].split(","))}
    found = []
    for number, text in enumerate(texts, start=1):
        values = text.split(",")
        if values[at["quantity"]] == "0":
            found.append((number, values[at["store_id"]], values[at["product_id"]], "0"))
    return found


def assert_times_are_the_receipts(chain: Chain) -> None:
    """The file's time is told as the time of the sale, which is not when it was written down."""
    first = chain.receipts.lines[0]
    (sale,) = chain.get("/transactions", after=len(chain.opening), limit=1)["items"]
    assert [balance["sku"] for balance in sale["balances"]] == [first["product_id"]]
    assert sale["occurredAt"] == first["transaction_timestamp"].replace(" ", "T") + ".000Z"
    assert sale["at"] > "2026"
