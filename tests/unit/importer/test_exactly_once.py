"""Whatever fails and whoever is killed: in the end every line counted once and is told once."""

import csv
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from holdfast.importer.plan import Request
from holdfast.importer.run import run
from holdfast.importer.screen import SilentScreen
from tests.unit.importer import fake_server
from tests.unit.importer.fake_server import FakeServer, Fault, Killed

QUANTITIES = st.sampled_from(["1", "2", "7", "0", "-3", "", "x", "1.0"])
LINES = st.lists(st.tuples(st.sampled_from("ST"), st.sampled_from("AB"), QUANTITIES), max_size=25)
FAULTS = st.lists(st.sampled_from(fake_server.FAULTS + fake_server.KILLS), max_size=12)


def applies(quantity: str) -> bool:
    return quantity not in {"0", "-3", "", "x"}


@given(
    lines=LINES.filter(lambda lines: any(applies(quantity) for *_, quantity in lines)),
    spare=st.integers(0, 2),
    faults=FAULTS,
    rows_per_request=st.integers(1, 6),
)
def test_every_line_counts_once_and_is_told_once(
    lines: list[tuple[str, str, str]], spare: int, faults: list[Fault], rows_per_request: int
) -> None:
    server = FakeServer()
    server.faults.extend(faults)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "sales.csv"
        file.write_text("store,sku,qty\n" + "".join(",".join(line) + "\n" for line in lines))
        request = Request(file, opening="derive", rows_per_request=rows_per_request)
        for place in sold(lines):
            server.stock[place] += spare
        import_until_done(request, server)
        decided = len(server.rows)
        import_until_done(request, server)
        refused = read_refused(file.with_name("sales.refused.csv"))
    assert len(server.rows) == decided, "a repetition sends nothing"
    assert +server.stock == +Counter(dict.fromkeys(sold(lines), spare))
    assert refused == [
        (str(number), *line) for number, line in enumerate(lines, start=2) if not applies(line[2])
    ]


def sold(lines: list[tuple[str, str, str]]) -> set[tuple[str, str]]:
    return {(store, sku) for store, sku, quantity in lines if applies(quantity)}


def import_until_done(request: Request, server: FakeServer) -> None:
    while True:
        try:
            run(request, SilentScreen(), server.transport)
        except Killed:
            continue
        return


def read_refused(path: Path) -> list[tuple[str, str, str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["file"] == "sales.csv" and row["code"] and row["reason"] for row in rows)
    return [(row["line"], row["store"], row["sku"], row["quantity"]) for row in rows]
