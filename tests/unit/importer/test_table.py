import gzip
import os
from pathlib import Path

import pytest

from holdfast.importer.errors import BAD_DATA, USAGE, CommandFailed
from holdfast.importer.table import Table

PLAIN = b"store,sku,qty\nS1,A,1\nS2,B,2\n"


def make(tmp_path: Path, content: bytes, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.replace(b"\n", b"\r\n"),
        PLAIN.rstrip(b"\n"),
        PLAIN.replace(b",", b";"),
        PLAIN.replace(b",", b"\t"),
        gzip.compress(PLAIN),
        b'"store","sku","qty"\n"S1","A","1"\n"S2",B,2\n',
        b" store , sku,qty\nS1,A,1\nS2,B,2\n",
    ],
    ids=["plain", "bom", "crlf", "open-end", "semicolons", "tabs", "gzip", "quoted", "spaced"],
)
def test_a_file_reads_the_same_however_it_was_written(tmp_path: Path, content: bytes) -> None:
    table = Table.open(make(tmp_path, content))
    assert table.columns == ["store", "sku", "qty"]
    assert list(table.records()) == [(2, ["S1", "A", "1"]), (3, ["S2", "B", "2"])]
    assert list(table.records()) == [(2, ["S1", "A", "1"]), (3, ["S2", "B", "2"])]


def test_a_record_is_numbered_as_an_editor_numbers_its_first_line(tmp_path: Path) -> None:
    content = b'store,note\nS1,"two\nlines"\n\nS2,one\r\n\r\nS3,last'
    records = list(Table.open(make(tmp_path, content)).records())
    assert records == [(2, ["S1", "two\nlines"]), (5, ["S2", "one"]), (7, ["S3", "last"])]


def test_packing_a_file_does_not_change_its_digest(tmp_path: Path) -> None:
    plain = Table.open(make(tmp_path, PLAIN))
    packed = Table.open(make(tmp_path, gzip.compress(PLAIN), "file.csv.gz"))
    other = Table.open(make(tmp_path, PLAIN + b"S3,C,3\n", "other.csv"))
    assert plain.digest() == packed.digest()
    assert plain.digest() != other.digest()
    assert plain.stem == packed.stem == "file"


@pytest.mark.parametrize("content", [b"", b"\n", b",,\n1,2,3\n", b"\xef\xbb\xbf"])
def test_a_file_without_a_header_is_empty(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CommandFailed, match="is empty: its first line must name") as failure:
        Table.open(make(tmp_path, content))
    assert failure.value.exit_code == BAD_DATA


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"gone\.csv cannot be read: No such file"):
        Table.open(tmp_path / "gone.csv")
    with pytest.raises(CommandFailed, match="cannot be read: Is a directory"):
        Table.open(tmp_path)


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest(tmp_path: Path) -> None:
    table = Table.open(make(tmp_path, b'store,sku\nS1,A\nS2,"B\nS3,C\nS4,D\n'))
    with pytest.raises(CommandFailed, match="quotation mark missing") as failure:
        list(table.records())
    assert failure.value.exit_code == BAD_DATA


def test_text_in_another_encoding_needs_its_name(tmp_path: Path) -> None:
    path = make(tmp_path, "store,sku,note\nS1,A,Käse\n".encode("cp1252"))
    with pytest.raises(CommandFailed, match=r"is not UTF-8 text.*--encoding cp1252"):
        list(Table.open(path).records())
    assert list(Table.open(path, "cp1252").records()) == [(2, ["S1", "A", "Käse"])]
    with pytest.raises(CommandFailed, match="no encoding named 'latin-99'") as failure:
        Table.open(path, "latin-99")
    assert failure.value.exit_code == USAGE


def test_a_packed_file_that_was_cut_off_is_noticed(tmp_path: Path) -> None:
    packed = gzip.compress(os.urandom(5000).hex().encode() + b"\n" + PLAIN * 1000)
    table = Table.open(make(tmp_path, packed[:-200]))
    with pytest.raises(CommandFailed, match="cannot be read to its end"):
        list(table.records())
    with pytest.raises(CommandFailed, match="cannot be read to its end"):
        table.digest()


def test_a_file_that_changes_between_two_readings_is_noticed(tmp_path: Path) -> None:
    path = make(tmp_path, PLAIN)
    table = Table.open(path)
    path.write_bytes(PLAIN + b"S3,C,3\n")
    with pytest.raises(CommandFailed, match="was changed while it was read"):
        list(table.records())
