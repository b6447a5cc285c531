"""What a reader of the whole journal says of a line, a segment or a folder that is not good."""

from pathlib import Path

import pytest

from holdfast.journal import START, Cursor, History, JournalCorrupt, Place, ReadFailed, history
from holdfast.journal.frame import checksummed, link
from holdfast.journal.segment import RESTORE, TRY_AGAIN
from holdfast.journal.watermark import Watermark
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import (
    DURABLE,
    FOLDER,
    TENANT,
    copy,
    put_watermark,
    replay,
    segments,
    three_segments,
)
from tests.unit.journal.telling import demand_told


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.journal.history.time.sleep", lambda _: None)


def refused(disk: SimulatedDisk, *, to_end: bool = True) -> JournalCorrupt:
    with pytest.raises(JournalCorrupt) as error:
        History(FOLDER, TENANT, disk).read(lambda _: None, to_end=to_end)
    return error.value


# Lines.

CHAIN = link(START.chain, b"{}")


def a_line(sequence: int = 1, batch: int = 1, chain: bytes = CHAIN, json: bytes = b"{}") -> bytes:
    return checksummed(b"%d %d %b %b" % (sequence, batch, chain.hex().encode(), json))


def test_nothing_is_wrong_with_a_line_that_follows() -> None:
    assert history.explain(a_line(), START, 0) is None
    spaces = b'  {"n": 1}'
    assert history.explain(a_line(chain=link(START.chain, spaces), json=spaces), START, 0) is None


def test_a_line_may_belong_to_the_batch_of_the_line_before_or_begin_one() -> None:
    second = link(CHAIN, b"{}")
    before = Cursor(1, CHAIN)
    assert history.explain(a_line(2, 1, second), before, 1) is None
    assert history.explain(a_line(2, 2, second), before, 1) is None
    claim = history.explain(a_line(2, 7, second), before, 1)
    assert claim == ("batch 2 or 1", "batch 7")


@pytest.mark.parametrize(
    ("line", "expected", "found"),
    [
        (
            a_line()[:-1],
            "a line that ends in a line feed",
            f"{len(a_line()) - 1} bytes without one",
        ),
        (checksummed(b"1 1 abc"), "sequence, batch, chain and JSON", "1 1 abc"),
        (a_line(7), "event 1", "event 7"),
        (
            a_line(chain=bytes(16)),
            f"chain {CHAIN.hex()}, made of the chain before it and the event's JSON",
            f"chain {bytes(16).hex()}",
        ),
    ],
)
def test_what_a_line_should_say_stands_beside_what_it_says(
    line: bytes, expected: str, found: str
) -> None:
    assert history.explain(line, START, 0) == (expected, found)


def test_of_what_stands_there_no_more_is_shown_than_can_be_read() -> None:
    claim = history.explain(checksummed(b"\xff" + b"x" * 100), START, 0)
    assert claim is not None
    assert claim.found == "\\xff" + "x" * 59


def test_a_line_is_given_as_far_as_the_file_goes() -> None:
    disk = SimulatedDisk()
    path = FOLDER / "a.log"
    disk.put(path, b"\nab\ncd")
    lines = [history.line_at(disk, Place(path, offset)) for offset in (0, 1, 4)]
    assert lines == [b"\n", b"ab\n", b"cd"]


# Segments.


def test_it_is_known_how_far_a_segment_that_fits_no_other_is_sound() -> None:
    disk, _ = three_segments()
    middle = segments(disk)[1]
    frames = replay(disk)[1]
    place = history.locate(FOLDER, TENANT, disk, 5)
    assert place.path == middle
    whole = history.sound_part(disk, middle)
    assert whole is not None
    assert whole[0].chain == frames[whole[0].sequence - 1].chain
    spoil(disk, place)
    assert history.sound_part(disk, middle) == (Cursor(4, frames[3].chain), place.offset)


@pytest.mark.parametrize("header", [b"", b"nonsense\n", checksummed(b"one\ttwo 3 4 5 6 7 8")])
def test_nothing_is_known_of_a_segment_without_a_header(header: bytes) -> None:
    disk, _ = three_segments()
    first = segments(disk)[0]
    disk.put(first, header + b"more\n")
    assert history.sound_part(disk, first) is None


def spoil(disk: SimulatedDisk, place: Place) -> None:
    data = bytearray(disk.content(place.path))
    data[place.offset + 80] ^= 1
    disk.put(place.path, bytes(data))


def test_a_segment_that_begins_with_another_log_is_named_at_its_first_byte() -> None:
    disk, _ = three_segments()
    reader = History(FOLDER, TENANT, disk)
    reader.cursor = Cursor(4, bytes(16))
    with pytest.raises(JournalCorrupt) as error:
        reader.read(lambda _: None, to_end=True)
    segment = replay(disk)[0].segments[1]
    cause = "its chain at event 4 is not that of the segment before"
    demand_told(error.value, JournalCorrupt, "read", segment.path, cause, offset=segment.start)


def test_a_header_that_names_another_chain_is_named_at_its_first_byte() -> None:
    disk, _ = three_segments()
    middle = segments(disk)[1]
    header, _, lines = disk.content(middle).partition(b"\n")
    fields = header[9:].split(b" ")
    fields[6] = bytes(16).hex().encode()
    disk.put(middle, checksummed(b" ".join(fields)) + lines)
    cause = "it does not follow the end of the segment before"
    demand_told(refused(disk), JournalCorrupt, "read", middle, cause, offset=0)


def test_a_watermark_of_another_log_is_named() -> None:
    disk, _ = three_segments()
    last = replay(disk)[0].segments[-1]
    put_watermark(disk, Watermark(last.header.ordinal, last.start, Cursor(8, bytes(16))))
    cause = "its chain at event 8 is not the log's"
    demand_told(refused(disk), JournalCorrupt, "read", DURABLE, cause)


def test_a_journal_that_ends_before_its_watermark_is_named_with_both() -> None:
    disk, _ = three_segments()
    recovered = replay(disk)[0]
    last = recovered.segments[-1]
    mark = Watermark(last.header.ordinal, last.stop, Cursor(11, bytes(16)))
    put_watermark(disk, mark)
    cause = "the log ends at event 9, though it was durable up to event 11"
    demand_told(refused(disk), JournalCorrupt, "read", last.path, cause, offset=last.stop)


# Folders.


@pytest.mark.parametrize("to_end", [True, False])
def test_a_folder_without_segments_is_refused(to_end: bool) -> None:
    disk, _ = three_segments()
    for path in segments(disk):
        del disk.names[path]
    error = refused(disk, to_end=to_end)
    demand_told(error, JournalCorrupt, "read", FOLDER, "there is no segment")
    assert error.hint == RESTORE


class _Failing(SimulatedDisk):
    """Cannot read its segments."""

    def __init__(self, disk: SimulatedDisk, error: OSError) -> None:
        super().__init__()
        self.names = copy(disk).names
        self._error = error

    def size(self, path: Path) -> int:
        if path in segments(self):
            raise self._error
        return super().size(path)


@pytest.mark.parametrize("error", [OSError("the cable is out"), FileNotFoundError("it moves on")])
def test_what_cannot_be_read_is_said_with_the_disks_own_words(error: OSError) -> None:
    disk, _ = three_segments()
    with pytest.raises(ReadFailed) as failed:
        History(FOLDER, TENANT, _Failing(disk, error)).read(lambda _: None, to_end=True)
    demand_told(failed.value, ReadFailed, "read", FOLDER, str(error))
    assert failed.value.hint == TRY_AGAIN
