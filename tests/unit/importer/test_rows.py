from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import orjson
import pytest

from holdfast.importer.columns import Columns, Filters
from holdfast.importer.rows import (
    MOVEMENTS,
    Entry,
    Reader,
    RefusedLine,
    Row,
    encoder,
    instant_reader,
)
from holdfast.importer.table import Table
from tests.unit.importer.conftest import WriteCsv


def entries(write_csv: WriteCsv, *lines: str) -> list[Entry]:
    table = Table.open(write_csv("f.csv", "store,sku,qty,time", *lines))
    columns = Columns(0, 1, 2, 3, 4)
    return list(Reader(table, columns, Filters(), instant_reader(UTC, None)).entries())


def only_reason(write_csv: WriteCsv, line: str) -> str:
    (entry,) = entries(write_csv, line)
    assert isinstance(entry, RefusedLine)
    assert (entry.line, entry.code) == (2, "unreadable")
    return entry.reason


@pytest.mark.parametrize(
    ("text", "quantity"),
    [("3", 3), (" 3 ", 3), ("+3", 3), ("-2", -2), ("0", 0), ("1.0", 1), ("12.", 12), ("007", 7)],
)
def test_whole_numbers_are_taken_however_they_are_written(
    write_csv: WriteCsv, text: str, quantity: int
) -> None:
    assert entries(write_csv, f"S1,A,{text},") == [Row(2, "S1", "A", quantity)]


@pytest.mark.parametrize(
    "text", ["1.5", "1e3", "three", "0x10", "\N{FULLWIDTH DIGIT ONE}", "9" * 19, "--1", "1 000"]
)
def test_what_is_no_whole_number_is_refused_here(write_csv: WriteCsv, text: str) -> None:
    assert only_reason(write_csv, f"S1,A,{text},") == (
        f"The quantity “{text}” is not a whole number."
    )


def test_a_missing_quantity_is_refused_here(write_csv: WriteCsv) -> None:
    assert only_reason(write_csv, "S1,A,,") == "The quantity is missing."


def test_a_long_value_is_quoted_in_part(write_csv: WriteCsv) -> None:
    assert len(only_reason(write_csv, f"S1,A,{'x' * 5000},")) < 120


def test_what_the_server_can_judge_is_left_to_it(write_csv: WriteCsv) -> None:
    assert entries(write_csv, "../x,A,1,", ",,0,") == [Row(2, "../x", "A", 1), Row(3, "", "", 0)]


def test_a_line_of_the_wrong_width_is_refused_here(write_csv: WriteCsv) -> None:
    short, surplus, empty_end = entries(write_csv, "S1,A", "S1,A,1,,5", "S1,A,1,,,")
    assert short == RefusedLine(
        2, "S1", "A", "", "unreadable", "The line has 2 values for 4 columns."
    )
    assert isinstance(surplus, RefusedLine)
    assert surplus.reason == "The line has 5 values for 4 columns."
    assert empty_end == Row(4, "S1", "A", 1)


def test_a_time_that_cannot_be_read_is_refused_here(write_csv: WriteCsv) -> None:
    for time in ("yesterday", "2017-13-01", "0001-01-01T00:00:00+14:00"):
        assert only_reason(write_csv, f"S1,A,1,{time}") == f"The time “{time}” cannot be read."


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("zone", "form", "text", "instant"),
    [
        (UTC, None, "2017-01-28 19:06:53", "2017-01-28T19:06:53.000Z"),
        (UTC, None, "2017-01-28T19:06:53.1239Z", "2017-01-28T19:06:53.123Z"),
        (UTC, None, "2017-01-28", "2017-01-28T00:00:00.000Z"),
        (BERLIN, None, "2017-07-28 00:30", "2017-07-27T22:30:00.000Z"),
        (BERLIN, None, "2017-07-28 00:30-05:00", "2017-07-28T05:30:00.000Z"),
        (BERLIN, "%d.%m.%Y %H:%M", "28.01.2017 19:06", "2017-01-28T18:06:00.000Z"),
        (BERLIN, "%d.%m.%Y %z", "28.01.2017 +0000", "2017-01-28T00:00:00.000Z"),
    ],
)
def test_times_are_written_as_utc(zone: tzinfo, form: str | None, text: str, instant: str) -> None:
    assert instant_reader(zone, form)(text) == instant


@pytest.mark.parametrize(
    ("movement", "expected"),
    [
        ("sale", {"op": "ship", "qty": 3}),
        ("receive", {"op": "receive", "qty": 3}),
        ("adjust", {"op": "adjust", "delta": 3}),
        ("count", {"op": "count", "counted": 3}),
    ],
)
def test_a_row_says_what_the_batch_wants_to_know(movement: str, expected: dict[str, int]) -> None:
    encode = encoder(MOVEMENTS[movement])
    place = {"line": 7, "storeId": "S1", "sku": "A"}
    assert orjson.loads(encode(Row(7, "S1", "A", 3))) == place | expected
    at = "2017-01-28T19:06:53.000Z"
    assert orjson.loads(encode(Row(7, "S1", "A", 3, at)))["occurredAt"] == at
    assert encode(Row(7, "S1", "A", 3)).endswith(b"}\n")
