"""An import as a whole, over a server that works."""

import csv
import gzip
from pathlib import Path

import pytest

from holdfast.importer import command
from holdfast.importer.columns import Wanted
from holdfast.importer.errors import BAD_DATA, TRY_AGAIN, USAGE, CommandFailed
from holdfast.importer.plan import Request
from holdfast.importer.run import Summary, run
from holdfast.importer.screen import SilentScreen
from tests.unit.importer import fake_server
from tests.unit.importer.conftest import WriteCsv
from tests.unit.importer.fake_server import FakeServer

SALES = (
    "store,sku,qty,sold_at,department",
    "S1,A,2,2026-03-02 08:00,food",
    "S1,B,1,2026-03-02 08:01,food",
    "S1,A,5,2026-03-02 08:02,FUEL",
    "S2,A,0,2026-03-02 08:03,food",
    "S2,A,x,2026-03-02 08:04,food",
    "S2,A,4,2026-03-02 08:05,food",
)
EACH_SALE = "Each line is a sale."
EACH_OPENING = "Each line is opening stock."
OPENING = ("store,sku,on_hand", "S1,A,10", "S1,B,10", "S2,A,3", "S2,B,0")


class Notes(SilentScreen):
    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, text: str) -> None:
        self.told.append(text)


def load(server: FakeServer, request: Request) -> tuple[Summary, list[str]]:
    notes = Notes()
    return run(request, notes, server.transport), notes.told


def refused_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def test_opening_stock_comes_first_and_the_file_is_applied_to_it(
    server: FakeServer, write_csv: WriteCsv
) -> None:
    request = Request(
        write_csv("sales.csv", *SALES),
        opening=str(write_csv("opening.csv", *OPENING)),
        excluded=("department=FUEL",),
    )
    summary, told = load(server, request)
    assert server.stock == {("S1", "A"): 8, ("S1", "B"): 9, ("S2", "A"): 3}
    assert [row["op"] for row in server.rows] == ["receive"] * 4 + ["ship"] * 4
    assert server.rows[4] == {
        "op": "ship",
        "line": 2,
        "storeId": "S1",
        "sku": "A",
        "qty": 2,
        "occurredAt": "2026-03-02T08:00:00.000Z",
    }
    assert refused_rows(request.refused_file) == [
        ["opening.csv", "5", "S2", "B", "0", "validation_error", "qty must be at least 1."],
        ["sales.csv", "5", "S2", "A", "0", "validation_error", "qty must be at least 1."],
        ["sales.csv", "6", "S2", "A", "x", "unreadable", "The quantity “x” is not a whole number."],
        ["sales.csv", "7", "S2", "A", "4", "insufficient_stock", "Not enough stock."],
    ]
    assert told == [
        "sales.csv: store is store, sku is sku, quantity is qty, time is sold_at. " + EACH_SALE,
        "opening.csv: store is store, sku is sku, quantity is on_hand, time is none. "
        + EACH_OPENING,
    ]
    said = command.render(request, summary)
    assert summary.refused == 4
    for line in ("opening stock              3  from opening.csv", "lines read                 6"):
        assert line in said
    assert f"refused                    3  listed in {request.refused_file}" in said
    assert "applied                    2" in said
    assert "opening refused            1" in said


def test_a_second_run_changes_nothing_and_says_so(server: FakeServer, write_csv: WriteCsv) -> None:
    request = Request(write_csv("sales.csv", *SALES), opening="derive")
    load(server, request)
    decided, listed = len(server.rows), refused_rows(request.refused_file)
    summary, told = load(server, request)
    assert len(server.rows) == decided
    assert refused_rows(request.refused_file) == listed
    assert (summary.movements.before, summary.movements.now) == (5, 0)
    assert "sales.csv: what stands up to line 7 was decided before." in told
    assert "5 of the lines were decided before" in command.render(request, summary)


def test_a_packed_copy_of_the_file_is_the_same_import(
    server: FakeServer, write_csv: WriteCsv
) -> None:
    plain = write_csv("sales.csv", *SALES)
    packed = plain.with_name("sales.csv.gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    load(server, Request(plain, movement="receive"))
    summary, _ = load(server, Request(packed, movement="receive"))
    assert summary.movements.now == 0


@pytest.mark.parametrize(
    "other",
    [
        {"excluded": ("department=FUEL",)},
        {"only": ("department=food",)},
        {"movement": "receive"},
        {"wanted": Wanted(time="-")},
        {"timezone": "Europe/Berlin"},
        {"source": "again"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_reading_the_file_otherwise_is_another_import(
    server: FakeServer, write_csv: WriteCsv, other: dict[str, str]
) -> None:
    file = write_csv("sales.csv", *SALES)
    load(server, Request(file))
    summary, _ = load(server, Request(file, **other))  # type: ignore[arg-type]  # options by name
    assert summary.movements.before == 0
    assert len(server.marks) == 2


def test_opening_stock_that_was_forgotten_can_be_loaded_later(
    server: FakeServer, write_csv: WriteCsv
) -> None:
    request = Request(write_csv("sales.csv", *SALES), movement="receive")
    load(server, request)
    opening = str(write_csv("opening.csv", *OPENING))
    summary, _ = load(server, Request(request.file, movement="receive", opening=opening))
    assert summary.movements.now == 0
    assert summary.opening is not None
    assert summary.opening.now == 4


def test_another_file_under_the_same_name_is_noticed_before_it_does_harm(
    server: FakeServer, write_csv: WriteCsv
) -> None:
    load(server, Request(write_csv("a.csv", *SALES[:4]), source="shared", movement="receive"))
    other = write_csv("b.csv", SALES[0], "", "", "", *SALES[1:])
    before = server.stock.copy()
    with pytest.raises(CommandFailed, match=r"stands at line 4, but b\.csv has no row") as failure:
        load(server, Request(other, source="shared", movement="receive"))
    assert failure.value.exit_code == BAD_DATA
    shorter = write_csv("c.csv", *SALES[:3])
    with pytest.raises(CommandFailed, match=r"stands at line 4, but c\.csv has no row"):
        load(server, Request(shorter, source="shared", movement="receive"))
    assert server.stock == before


def test_a_server_that_forgot_lines_is_not_believed(
    server: FakeServer, write_csv: WriteCsv
) -> None:
    request = Request(write_csv("sales.csv", *SALES), movement="receive", rows_per_request=2)
    server.faults.extend([FakeServer.decide, fake_server.forgotten])
    with pytest.raises(CommandFailed, match="The server forgot lines") as failure:
        load(server, request)
    assert failure.value.exit_code == TRY_AGAIN


def test_times_are_read_in_the_zone_that_was_named(server: FakeServer, write_csv: WriteCsv) -> None:
    load(server, Request(write_csv("sales.csv", *SALES), timezone="Europe/Berlin"))
    assert server.rows[0]["occurredAt"] == "2026-03-02T07:00:00.000Z"


def test_a_filter_that_meets_nothing_is_told(server: FakeServer, write_csv: WriteCsv) -> None:
    request = Request(write_csv("sales.csv", *SALES), excluded=("department=Fuel",))
    _, told = load(server, request)
    assert "No line meets --except department=Fuel; is it spelt as in the file?" in told


def test_a_file_of_refused_lines_from_before_does_not_stay_behind(
    server: FakeServer, write_csv: WriteCsv
) -> None:
    request = Request(write_csv("in.csv", SALES[0], SALES[1]), movement="receive")
    load(server, request)
    assert not request.refused_file.exists()
    request.refused_file.write_text("what an earlier file had\n", "utf-8")
    load(server, request)
    assert refused_rows(request.refused_file) == []


def test_nothing_is_sent_when_the_refused_lines_could_not_be_written(
    server: FakeServer, write_csv: WriteCsv, tmp_path: Path
) -> None:
    file = write_csv("sales.csv", *SALES)
    for path in (tmp_path / "gone" / "refused.csv", tmp_path):
        with pytest.raises(CommandFailed, match="cannot be written; name another file"):
            load(server, Request(file, refused=path))
    with pytest.raises(CommandFailed, match="which is to be imported"):
        load(server, Request(file, refused=file))
    assert server.rows == []


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"opening": "derive", "movement": "count"}, "needs --movement sale or adjust"),
        ({"source": "no spaces"}, "--source takes up to 54 letters"),
        ({"source": "x" * 55}, "--source takes up to 54 letters"),
        ({"timezone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
        ({"only": ("department",)}, "--only takes COLUMN=VALUE"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    server: FakeServer, write_csv: WriteCsv, request_: dict[str, str], sentence: str
) -> None:
    file = write_csv("sales.csv", *SALES)
    with pytest.raises(CommandFailed, match=sentence) as failure:
        load(server, Request(file, **request_))  # type: ignore[arg-type]  # options by name
    assert failure.value.exit_code == USAGE
    assert server.rows == []


def test_the_columns_of_opening_stock_have_options_of_their_own(
    server: FakeServer, write_csv: WriteCsv
) -> None:
    file = write_csv("sales.csv", "laden,ware,n", "S1,A,1")
    opening = write_csv("opening.csv", "laden,artikel,bestand", "S1,A,9")
    request = Request(file, wanted=Wanted("laden", "ware", "n"), opening=str(opening))
    with pytest.raises(CommandFailed, match=r"name it with --opening-sku\. .* laden, artikel"):
        load(server, request)
    request = Request(
        file,
        wanted=Wanted("laden", "ware", "n"),
        opening=str(opening),
        opening_wanted=Wanted(sku="artikel", quantity="bestand"),
    )
    load(server, request)
    assert server.stock == {("S1", "A"): 8}


def test_a_file_with_nothing_but_a_header_imports_nothing(
    server: FakeServer, write_csv: WriteCsv
) -> None:
    summary, _ = load(server, Request(write_csv("sales.csv", SALES[0]), opening="derive"))
    assert summary.plan.survey.lines == 0
    assert server.rows == []


def test_a_list_of_refused_lines_that_fails_can_be_had_later(
    server: FakeServer, write_csv: WriteCsv, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    request = Request(write_csv("sales.csv", *SALES), movement="receive")
    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", full)
        with pytest.raises(CommandFailed, match="cannot be written: No space left") as failure:
            load(server, request)
    assert failure.value.exit_code == TRY_AGAIN
    assert sorted(path.name for path in request.file.parent.iterdir()) == ["sales.csv"]
    load(server, request)
    assert [row[1] for row in refused_rows(request.refused_file)] == ["5", "6"]


def test_a_file_that_grew_goes_on_behind_its_last_line(
    server: FakeServer, write_csv: WriteCsv
) -> None:
    load(server, Request(write_csv("a.csv", *SALES[:3]), movement="receive", source="till-1"))
    load(server, Request(write_csv("a.csv", *SALES), movement="receive", source="till-1"))
    assert server.stock == {("S1", "A"): 7, ("S1", "B"): 1, ("S2", "A"): 4}
