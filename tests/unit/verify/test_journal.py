"""Damage of the journal of every kind is found, and the first bad event is named with its place."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.journal import locate
from holdfast.verify.differences import CannotVerify
from tests.unit.verify.folders import (
    NEWEST,
    OLDER,
    TENANT,
    ReadOnlyDisk,
    frames_of,
    only,
    rewrite_journal,
    rewrite_line,
    segments,
    shop,
    verify,
)


def line_of(folder: Path, sequence: int) -> int:
    return locate(folder / "journal", TENANT, ReadOnlyDisk(), sequence).offset


def test_a_flipped_byte_is_named_by_event_file_and_byte(folder: Path) -> None:
    first = segments(folder)[0]
    at = line_of(folder, 2)
    data = bytearray(first.read_bytes())
    data[at + 60] ^= 1
    first.write_bytes(bytes(data))
    found = only(verify(folder), "journal")
    assert (found.path, found.offset, found.sequence) == (first, at, 2)
    assert found.what.startswith("event 2: a checksum that does not hold")
    assert found.expected.startswith("checksum ")
    assert found.found == data[at : at + 8].decode()
    assert "Restore the tenant's folder" in found.hint


def test_a_changed_payload_with_a_mended_checksum_is_told_by_the_chain(folder: Path) -> None:
    first = segments(folder)[0]
    chain = frames_of(folder)[1].chain.hex()
    at = rewrite_line(first, 2, lambda body: body.replace(b'"onHand":5', b'"onHand":6'))
    result = verify(folder)
    found = only(result, "journal")
    assert (found.path, found.offset, found.sequence) == (first, at, 2)
    assert "chain" in found.what
    assert found.expected.startswith("chain ")
    assert chain not in found.expected
    assert found.found == f"chain {chain}"
    assert result.events == 1
    assert [notice.partition(",")[0] for notice in result.notices] == [NEWEST, OLDER]


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [(0, b"4", "event 3"), (1, b"1", "batch 3 or 2"), (2, b"0" * 32, "chain ")],
)
def test_a_wrong_field_in_a_line_is_told(folder: Path, field: int, text: bytes, said: str) -> None:
    def change(body: bytes) -> bytes:
        fields = body.split(b" ", 3)
        fields[field] = text
        return b" ".join(fields)

    at = rewrite_line(segments(folder)[0], 3, change)
    found = only(verify(folder), "journal")
    assert (found.sequence, found.offset) == (3, at)
    assert found.expected.startswith(said)


def test_a_lost_line_is_told(folder: Path) -> None:
    first = segments(folder)[0]
    at = line_of(folder, 3)
    lines = first.read_bytes().splitlines(keepends=True)
    first.write_bytes(b"".join(lines[:3] + lines[4:]))
    found = only(verify(folder), "journal")
    assert (found.path, found.offset, found.sequence) == (first, at, 3)
    assert (found.expected, found.found) == ("event 3", "event 4")


def test_a_damaged_header_is_told(folder: Path) -> None:
    second = segments(folder)[1]
    second.write_bytes(b"0" + second.read_bytes()[1:])
    found = only(verify(folder), "journal")
    assert (found.path, found.found) == (second, "its header is damaged")


def test_a_lost_segment_is_told(folder: Path) -> None:
    segments(folder)[1].unlink()
    assert "segment 2 is missing" in only(verify(folder), "journal").found


def test_a_journal_without_its_beginning_cannot_be_proven(folder: Path) -> None:
    segments(folder)[0].unlink()
    found = only(verify(folder), "journal")
    assert "events 1 to 4 are missing" in found.what
    assert "Bring these files back" in found.hint


def test_a_journal_that_ends_before_its_watermark_is_told(folder: Path) -> None:
    last = segments(folder)[-1]
    at = line_of(folder, len(frames_of(folder)))
    last.write_bytes(last.read_bytes()[:at])
    found = only(verify(folder), "journal")
    assert (found.path, found.offset) == (last, at)
    assert "though it was durable up to event" in found.what


def test_a_watermark_of_another_log_is_told(folder: Path, tmp_path: Path) -> None:
    mark = (folder / "journal" / "durable").read_bytes()
    other = shop(tmp_path / "other")
    # Event ids differ from one making to the next, and with them the chain.
    harmed = (other / "journal" / "durable").read_bytes()
    assert harmed != mark
    (folder / "journal" / "durable").write_bytes(harmed)
    found = only(verify(folder), "journal")
    assert found.path == folder / "journal" / "durable"
    assert "is not the log's" in found.what


def test_both_slots_of_the_watermark_damaged_is_told(folder: Path) -> None:
    (folder / "journal" / "durable").write_bytes(b"?" * 1024)
    assert only(verify(folder), "journal").found == "both slots are damaged"


def test_a_torn_end_is_a_notice(folder: Path) -> None:
    last = segments(folder)[-1]
    seal = last.read_bytes().splitlines(keepends=True)[-1]
    last.write_bytes(last.read_bytes().removesuffix(seal) + b"half a li")
    result = verify(folder)
    assert result.differing == 0
    (notice,) = result.notices
    assert f"{last} ends in 9 bytes of an unfinished write at byte" in notice


def test_damage_behind_the_watermark_that_is_no_torn_end_is_told(folder: Path) -> None:
    last = segments(folder)[-1]
    data = last.read_bytes()
    last.write_bytes(data + b"half a li\n")
    found = only(verify(folder), "journal")
    assert (found.path, found.where) == (last, "journal")


def test_a_journal_made_anew_with_another_number_is_told_by_the_versions(folder: Path) -> None:
    def change(sequence: int, event: dict[str, Any]) -> None:
        if sequence == 2:
            event["payload"]["stock"][0]["version"] = 7

    rewrite_journal(folder, change)
    found = only(verify(folder), "journal")
    assert found.sequence == 2
    assert found.offset == line_of(folder, 2)
    assert found.what == "event 2: it does not follow version 0 of S1/B"
    assert found.found.startswith("version 7")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("sequence", 77, "another sequence than its line"),
        ("ts", "2020-01-01T00:00:00.000Z", "its time is before"),
        ("payload", None, "its JSON is no event"),
    ],
)
def test_an_event_that_cannot_be_is_told(folder: Path, field: str, value: Any, said: str) -> None:
    def change(sequence: int, event: dict[str, Any]) -> None:
        if sequence == 4:
            event[field] = value

    rewrite_journal(folder, change)
    found = only(verify(folder), "journal")
    assert said in found.what
    assert (found.sequence, found.offset) == (4, line_of(folder, 4))


def test_an_overdrawn_record_is_told(folder: Path) -> None:
    def change(sequence: int, event: dict[str, Any]) -> None:
        if sequence == 3:
            event["payload"]["stock"][0]["reserved"] = 11

    rewrite_journal(folder, change)
    assert only(verify(folder), "journal").found == "10 on hand, 11 reserved"


def test_an_event_of_a_newer_release_is_no_difference_but_cannot_be_verified(folder: Path) -> None:
    rewrite_journal(folder, lambda sequence, event: event.update(version=2))
    with pytest.raises(CannotVerify, match="open the folder with a newer release"):
        verify(folder)
