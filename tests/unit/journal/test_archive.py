import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.journal import (
    START,
    Cursor,
    HistoryGone,
    JournalCorrupt,
)
from holdfast.journal.segment import encode_header, load_segments, segment_name
from tests.unit.journal.book import (
    Process,
    archived_book,
    load,
    replayed,
    without,
)
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import (
    ARCHIVE,
    FOLDER,
    TENANT,
    archived,
    copy,
    event,
    replay,
    segments,
)


def test_without_a_checkpoint_all_of_archive_and_journal_is_read() -> None:
    disk = archived_book()
    assert len(archived(disk)) > 1
    assert replayed(disk) == [event(number) for number in range(1, 21)]
    first = load(disk).recovered.segments[0]
    assert first.path.parent == FOLDER
    assert first.header.ordinal > 1


def test_recovery_reads_no_more_of_the_archive_than_it_needs() -> None:
    disk = archived_book()
    _, frames = replay(disk)
    newest = archived(disk)[-1]
    for path in archived(disk)[:-1]:
        disk.put(path, b"?")
    boundary = int(newest.name[9:29]) - 1
    after = Cursor(boundary, frames[boundary - 1].chain)
    assert replay(disk, after)[1] == frames[boundary:]
    with pytest.raises(JournalCorrupt, match="header is damaged"):
        replay(disk, Cursor(boundary - 1, frames[boundary - 2].chain))


def test_an_archive_that_was_taken_away_is_named_with_what_is_missing() -> None:
    disk = without(archived_book(), archive=True)
    first = load(disk).recovered.segments[0].header
    with pytest.raises(JournalCorrupt) as caught:
        replayed(disk)
    said = str(caught.value)
    assert f"events 1 to {first.before.sequence} are missing" in said
    assert f"segments 1 to {first.ordinal - 1}" in said
    assert str(ARCHIVE) in said
    assert "Bring" in said


def test_of_an_archive_whose_oldest_part_was_taken_away_the_rest_is_used() -> None:
    disk = archived_book()
    _, frames = replay(disk)
    oldest, following, *_ = archived(disk)
    del disk.names[oldest]
    first_sequence = int(following.name[9:29])
    after = Cursor(first_sequence - 1, frames[first_sequence - 2].chain)
    assert replay(disk, after)[1] == frames[first_sequence - 1 :]
    with pytest.raises(JournalCorrupt, match=f"events 1 to {first_sequence - 1} are missing"):
        replay(disk)


def test_a_segment_missing_in_the_middle_is_corruption_wherever_it_should_be() -> None:
    whole = archived_book()
    for lost in [*archived(whole)[1:], *segments(whole)[:-1]]:
        disk = copy(whole)
        del disk.names[lost]
        with pytest.raises(JournalCorrupt, match=r"segment \d+ is missing or there twice"):
            replayed(disk)


def test_two_archived_segments_of_one_number_are_corruption() -> None:
    disk = archived_book()
    path = archived(disk)[1]
    disk.put(path.with_name(segment_name(2, 999)), disk.content(path))
    with pytest.raises(JournalCorrupt, match="there twice"):
        replayed(disk)


def forge(disk: SimulatedDisk, path: Path, change: Callable[[bytes, int], object]) -> None:
    """Give a segment a header that says something else, under a name that fits."""
    content = disk.content(path)
    (segment,) = [each for each in load_segments(disk, path.parent, TENANT) if each.path == path]
    header = segment.header
    changed = change(header.before.chain, header.before.sequence)
    assert isinstance(changed, dict)
    forged = header._replace(**changed)
    del disk.names[path]
    new = path.with_name(segment_name(forged.ordinal, forged.first_sequence))
    disk.put(new, encode_header(forged) + content[segment.start :])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda chain, at: {"before": Cursor(at, chain[::-1])}, id="chain"),
        pytest.param(lambda chain, at: {"before": Cursor(at - 1, chain)}, id="earlier"),
        pytest.param(lambda chain, at: {"before": Cursor(at + 1, chain)}, id="later"),
        pytest.param(lambda chain, at: {"before": START}, id="start"),
        pytest.param(lambda chain, at: {"before": START, "ordinal": 1}, id="start, first"),
    ],
)
@pytest.mark.parametrize("archive", [True, False], ids=["archive", "archive away"])
def test_a_forged_lower_bound_is_refused(
    archive: bool, change: Callable[[bytes, int], object]
) -> None:
    disk = without(archived_book(), archive=not archive)
    # The older checkpoint is in the first segment of the journal, so a start from it reads that.
    del disk.names[Path("/t/state/MANIFEST.json")]
    assert load(disk).events
    forge(disk, segments(disk)[0], change)
    with pytest.raises(JournalCorrupt):
        load(disk)
    with pytest.raises(JournalCorrupt):
        replayed(disk)


@pytest.mark.parametrize("length", [-1, 1])
def test_a_first_segment_that_cuts_off_elsewhere_is_refused_by_the_archive(length: int) -> None:
    disk = archived_book()
    path = segments(disk)[0]
    segment = load_segments(disk, FOLDER, TENANT)[0]
    cut = segment.header.previous_length + length
    forged = encode_header(segment.header._replace(previous_length=cut))
    disk.put(path, forged + disk.content(path)[segment.start :])
    with pytest.raises(JournalCorrupt):
        replayed(disk)


def test_a_first_segment_that_begins_behind_the_beginning_is_refused_unread() -> None:
    disk = without(archived_book(), archive=True)
    forge(disk, segments(disk)[0], lambda *_: {"ordinal": 1})
    for path in segments(disk)[1:]:
        del disk.names[path]
    end = Cursor(20, replay(archived_book())[1][-1].chain)
    with pytest.raises(JournalCorrupt, match="does not begin at the beginning"):
        replay(disk, end)


def test_every_flipped_byte_of_the_archive_is_refused() -> None:
    disk = archived_book()
    for path in archived(disk):
        content = disk.content(path)
        for offset in range(len(content)):
            harmed = bytearray(content)
            harmed[offset] ^= 0x01
            disk.put(path, bytes(harmed))
            with pytest.raises(JournalCorrupt):
                replayed(disk)
        disk.put(path, content)


async def test_events_are_read_through_the_archive_from_everywhere() -> None:
    disk = await asyncio.to_thread(archived_book)
    frames = (await asyncio.to_thread(replay, disk))[1]
    process = Process(disk)
    for after in range(len(frames)):
        for limit in (1, 3, 1000):
            assert await process.journal.read(after, limit) == frames[after : after + limit]
    process.end()


async def test_reading_what_was_taken_away_names_the_first_event_still_here() -> None:
    disk = await asyncio.to_thread(archived_book)
    process = Process(disk)
    oldest, following, *_ = archived(disk)
    del disk.names[oldest]
    first_sequence = int(following.name[9:29])
    with pytest.raises(HistoryGone) as caught:
        await process.journal.read(first_sequence - 2, 100)
    assert caught.value.first_sequence == first_sequence
    assert len(await process.journal.read(first_sequence - 1, 100)) == 21 - first_sequence
    process.end()
