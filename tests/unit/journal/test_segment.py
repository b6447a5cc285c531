"""Segments: their headers agree with their names and with each other, or are refused by name."""

from pathlib import Path

import pytest

from holdfast.journal import Cursor, FormatTooNew, JournalCorrupt
from holdfast.journal.frame import checksummed
from holdfast.journal.segment import (
    Header,
    Segment,
    encode_header,
    first_header,
    load_segments,
    segment_name,
    successor,
)
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import FOLDER, TENANT
from tests.unit.journal.telling import demand_told

CHAIN = bytes(range(0xA0, 0xB0))
FIRST = first_header(TENANT)
SECOND = Header(TENANT, 2, 200, Cursor(7, CHAIN), 9)
BODY = encode_header(SECOND)[9:-1]


def path_of(header: Header) -> Path:
    return FOLDER / segment_name(header.ordinal, header.first_sequence)


def holding(*files: tuple[Header, bytes]) -> SimulatedDisk:
    """A folder of segments with these headers, and this behind each of them."""
    disk = SimulatedDisk()
    for header, content in files:
        disk.put(path_of(header), encode_header(header) + content)
    return disk


def loaded(disk: SimulatedDisk) -> list[Segment]:
    return load_segments(disk, FOLDER, TENANT)


def refusal(disk: SimulatedDisk) -> JournalCorrupt:
    with pytest.raises(JournalCorrupt) as refused:
        loaded(disk)
    return refused.value


def test_names_sort_as_segments_follow_each_other() -> None:
    names = [segment_name(ordinal, first) for ordinal, first in ((1, 1), (2, 10), (10, 11))]
    assert names[0] == "00000001-00000000000000000001.log"
    assert names == sorted(names)


@pytest.mark.parametrize("tenant", ["", "two words", "käse", "a\n", "x" * 129])
def test_a_tenant_that_no_header_can_name_is_refused(tenant: str) -> None:
    with pytest.raises(ValueError, match="no tenant can be called") as refused:
        encode_header(first_header(tenant))
    assert repr(tenant) in str(refused.value)
    longest = first_header("x" * 128)
    assert b"x" * 128 in encode_header(longest)


def test_the_next_segment_goes_on_where_this_one_counts() -> None:
    current = Segment(path_of(SECOND), SECOND, 120, 345)
    there = Cursor(12, CHAIN)
    assert successor(current, there, 14) == Header(TENANT, 3, 345, there, 14)


def test_a_segment_of_which_nothing_counts_is_replaced_under_its_own_name() -> None:
    current = Segment(path_of(SECOND), SECOND, 120, 120)
    assert successor(current, SECOND.before, 8) == SECOND._replace(born_with=8)


def test_each_segment_counts_as_far_as_the_next_one_says() -> None:
    stop = len(encode_header(FIRST)) + 20
    second = SECOND._replace(previous_length=stop)
    disk = holding((FIRST, b"x" * 30), (second, b"y" * 40))
    disk.put(FOLDER / "durable", b"")
    disk.put(FOLDER / (path_of(FIRST).name + ".300.torn"), b"")
    start = len(encode_header(second))
    assert loaded(disk) == [
        Segment(path_of(FIRST), FIRST, stop - 20, stop),
        Segment(path_of(second), second, start, start + 40),
    ]
    assert loaded(SimulatedDisk()) == []


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        encode_header(SECOND)[:-1],
        b"0" + encode_header(SECOND)[1:],
        b"x" * 600 + b"\n",
        checksummed(b"holdfast-journal"),
        checksummed(BODY.replace(b"holdfast-journal", b"holdfast-durable")),
        checksummed(BODY + b" more"),
        checksummed(BODY.rpartition(b" ")[0]),
        checksummed(BODY.replace(b"00000002", b"two")),
        checksummed(BODY.replace(b"%020d" % 9, b"nine")),
        checksummed(BODY.replace(CHAIN.hex().encode(), b"zz")),
        checksummed(BODY.replace(CHAIN.hex().encode(), CHAIN[:15].hex().encode())),
        checksummed(BODY.replace(TENANT.encode(), b"\xff")),
        checksummed(BODY.replace(TENANT.encode(), b"k\xc3\xa4se")),
        checksummed(BODY.replace(b"00000002", b"+0000002")),
        checksummed(BODY.replace(b"%020d" % 200, b"200")),
        checksummed(BODY.replace(CHAIN.hex().encode(), CHAIN.hex().upper().encode())),
    ],
)
def test_a_header_that_is_none_is_damage_and_named(line: bytes) -> None:
    disk = holding((FIRST, b""))
    disk.put(path_of(SECOND), line)
    error = refusal(disk)
    demand_told(error, JournalCorrupt, "read", path_of(SECOND), "its header is damaged", offset=0)


def test_a_header_of_a_newer_format_is_refused_and_its_version_named() -> None:
    disk = holding((FIRST, b""))
    disk.put(path_of(SECOND), checksummed(b"holdfast-journal 2 who knows what"))
    told = "format version 2, and 1 is known"
    demand_told(refusal(disk), FormatTooNew, "read", path_of(SECOND), told, offset=0)
    disk.put(path_of(SECOND), checksummed(b"holdfast-journal \xff"))
    assert "format version \ufffd" in refusal(disk).cause


def test_a_segment_of_another_tenant_or_name_is_refused() -> None:
    error = refusal(holding((first_header("OTHER"), b"")))
    told = "it belongs to 'OTHER', not to 'TENANT1'"
    demand_told(error, JournalCorrupt, "read", path_of(FIRST), told, offset=0)
    disk = SimulatedDisk()
    moved = path_of(FIRST._replace(ordinal=3))
    disk.put(moved, encode_header(FIRST))
    demand_told(refusal(disk), JournalCorrupt, "read", moved, "another name", offset=0)


def test_a_first_segment_begins_at_the_beginning() -> None:
    first = FIRST._replace(before=Cursor(7, CHAIN))
    error = refusal(holding((first, b"")))
    demand_told(error, JournalCorrupt, "read", path_of(first), "at the beginning", offset=0)


def test_the_oldest_segments_may_be_missing_but_none_in_between() -> None:
    assert len(loaded(holding((SECOND, b"")))) == 1
    third = SECOND._replace(ordinal=3)
    error = refusal(holding((FIRST, b"x" * 300), (third, b"")))
    told = "segment 2 is missing or there twice"
    demand_told(error, JournalCorrupt, "read", path_of(third), told, offset=0)


def test_a_segment_begins_behind_the_one_before_it() -> None:
    for before in (Cursor(7, CHAIN), Cursor(6, CHAIN)):
        third = SECOND._replace(ordinal=3, before=before)
        error = refusal(holding((SECOND, b"x" * 300), (third, b"")))
        told = "it begins before the segment before it"
        demand_told(error, JournalCorrupt, "read", path_of(third), told, offset=0)


def test_a_cut_outside_of_the_segment_is_refused_where_the_segment_ends() -> None:
    start = len(encode_header(FIRST))
    for length, good in ((start - 1, False), (start, True), (start + 5, True), (start + 6, False)):
        disk = holding((FIRST, b"x" * 5), (SECOND._replace(previous_length=length), b""))
        if good:
            assert loaded(disk)[0].stop == length
        else:
            told = f"it ends at byte {start + 5}; the next one counts on {length}"
            error = refusal(disk)
            demand_told(error, JournalCorrupt, "read", path_of(FIRST), told, offset=start + 5)
