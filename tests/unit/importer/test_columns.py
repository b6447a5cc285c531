import pytest

from holdfast.importer.columns import Columns, Wanted, described, parse_filters, resolve
from holdfast.importer.errors import USAGE, CommandFailed
from holdfast.importer.table import Table
from tests.unit.importer.conftest import WriteCsv


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("store,sku,quantity,time", Columns(0, 1, 2, 3, 4)),
        ("Store ID,Product-ID,QTY", Columns(0, 1, 2, None, 3)),
        ("transaction_timestamp,units,product_id,store_id", Columns(3, 2, 1, 0, 4)),
        ("item,branch,on_hand,price", Columns(1, 0, 2, None, 4)),
        ("product_id,sku,store,store_id,qty", Columns(3, 1, 4, None, 5)),
    ],
)
def test_columns_are_found_by_their_usual_names(
    write_csv: WriteCsv, header: str, columns: Columns
) -> None:
    assert resolve(Table.open(write_csv("f.csv", header)), Wanted()) == columns


def test_a_column_that_was_named_wins(write_csv: WriteCsv) -> None:
    table = Table.open(write_csv("f.csv", "store,sku,quantity,amount,shelf,time"))
    assert resolve(table, Wanted("shelf", None, "amount", "-")) == Columns(4, 1, 3, None, 6)


def test_which_columns_were_taken_is_said(write_csv: WriteCsv) -> None:
    table = Table.open(write_csv("f.csv", "shop,article,pieces"))
    said = described(table, resolve(table, Wanted()))
    assert said == "f.csv: store is shop, sku is article, quantity is pieces, time is none"


@pytest.mark.parametrize(
    ("header", "wanted", "sentence"),
    [
        (
            "filiale,sku,qty",
            Wanted(),
            r"looks like the store; name it with --store\. Its columns are filiale, sku, qty\.",
        ),
        (
            "store,sku,qty",
            Wanted(quantity="menge"),
            r"f\.csv has no column 'menge', which --quantity names\. Its columns are store, sku, qty",
        ),
        (
            "store,sku,qty",
            Wanted(time="when"),
            "has no column 'when', which --time names",
        ),
        (
            "store,sku,sku,qty",
            Wanted(sku="sku"),
            "has more than one column 'sku', which --sku names",
        ),
    ],
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(
    write_csv: WriteCsv, header: str, wanted: Wanted, sentence: str
) -> None:
    with pytest.raises(CommandFailed, match=sentence):
        resolve(Table.open(write_csv("f.csv", header)), wanted)


def kept(table: Table, only: list[str], excluded: list[str]) -> list[str]:
    filters = parse_filters(table, only, excluded)
    return [record[0] for _, record in table.records() if filters.passes(record)]


def test_filters_take_any_value_of_a_column_and_all_columns(write_csv: WriteCsv) -> None:
    path = write_csv("f.csv", "id,kind,land", "1,a,de", "2,b,de", "3,c,fr", "4, a ,fr", "5,,de")
    table = Table.open(path)
    assert kept(table, [], []) == ["1", "2", "3", "4", "5"]
    assert kept(table, ["kind=a"], []) == ["1", "4"]
    assert kept(table, ["kind=a", "kind=b"], []) == ["1", "2", "4"]
    assert kept(table, ["kind=a", "kind=b", "land=de"], []) == ["1", "2"]
    assert kept(table, [], ["kind=a", "land=fr"]) == ["2", "5"]
    assert kept(table, ["land=de"], ["kind="]) == ["1", "2"]


def test_a_value_may_have_an_equals_sign(write_csv: WriteCsv) -> None:
    table = Table.open(write_csv("f.csv", "id,formula", "1,a=b", "2,a"))
    assert kept(table, ["formula=a=b"], []) == ["1"]


def test_a_filter_needs_a_column_that_exists_and_a_value(write_csv: WriteCsv) -> None:
    table = Table.open(write_csv("f.csv", "id,kind"))
    with pytest.raises(CommandFailed, match="--only takes COLUMN=VALUE, not 'kind'") as failure:
        parse_filters(table, ["kind"], [])
    assert failure.value.exit_code == USAGE
    with pytest.raises(CommandFailed, match=r"no column 'sort', which --except .* id, kind"):
        parse_filters(table, [], ["sort=a"])
