from datetime import UTC

import pytest

from holdfast.importer.columns import Wanted, parse_filters, resolve
from holdfast.importer.errors import BAD_DATA, CommandFailed
from holdfast.importer.rows import MOVEMENTS, Reader, Row, instant_reader
from holdfast.importer.survey import Opening, survey
from holdfast.importer.table import Table
from tests.unit.importer.conftest import WriteCsv


def reader(write_csv: WriteCsv, *lines: str, excluded: tuple[str, ...] = ()) -> Reader:
    table = Table.open(write_csv("f.csv", "store,sku,qty", *lines))
    columns = resolve(table, Wanted())
    filters = parse_filters(table, [], excluded)
    return Reader(table, columns, filters, instant_reader(UTC, None))


def derived(write_csv: WriteCsv, movement: str, *lines: str) -> list[Row]:
    opening = Opening(MOVEMENTS[movement])
    survey(reader(write_csv, *lines), opening)
    rows = list(opening.rows())
    assert len(opening) == len(rows)
    return rows


def test_the_survey_counts_what_there_is(write_csv: WriteCsv) -> None:
    found = survey(
        reader(write_csv, "S1,A,1", "S1,B,x", "S2,A,0", "S1,C,y", excluded=("store=S2",))
    )
    assert (found.lines, found.filtered, found.refused, found.rows) == (4, 1, 2, 1)
    assert found.first_refused is not None
    assert found.first_refused.line == 3
    assert found.unmet == []


def test_a_condition_that_no_line_meets_is_noticed(write_csv: WriteCsv) -> None:
    found = survey(reader(write_csv, "S1,A,1", "S2,A,1", "S3", excluded=("store=S1", "sku=Fuel")))
    assert [condition.text for condition in found.unmet] == ["--except sku=Fuel"]


def test_a_mapping_that_fits_no_line_sends_nothing(write_csv: WriteCsv) -> None:
    with pytest.raises(CommandFailed, match=r"No line .* Line 2, .* “1,5”") as failure:
        survey(reader(write_csv, 'S1,A,"1,5"', "S1,B,x"))
    assert failure.value.exit_code == BAD_DATA


def test_opening_stock_is_what_the_file_sells(write_csv: WriteCsv) -> None:
    lines = ("S2,A,3", "S1,A,1", "S2,A,4", "S2,B,1")
    assert derived(write_csv, "sale", *lines) == [
        Row(1, "S2", "A", 7),
        Row(2, "S1", "A", 1),
        Row(3, "S2", "B", 1),
    ]


def test_lines_that_will_be_refused_need_no_opening_stock(write_csv: WriteCsv) -> None:
    lines = ("S1,A,0", "S1,A,-4", "../x,A,1", "S1,,2", f"S1,B,{2**53}", "S1,C,2")
    assert derived(write_csv, "sale", *lines) == [Row(1, "S1", "C", 2)]


def test_corrections_need_only_what_their_lowest_point_takes(write_csv: WriteCsv) -> None:
    lines = ("S1,A,5", "S1,A,-7", "S1,A,10", "S1,A,-9", "S1,B,3", "S1,B,-3", "S1,C,-1")
    assert derived(write_csv, "adjust", *lines) == [Row(1, "S1", "A", 2), Row(2, "S1", "C", 1)]
