from json import loads

import pytest

from holdfast.journal import (
    Cursor,
    JournalCorrupt,
)
from holdfast.journal.frame import checksummed, encode_batch, link, seal_line
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import (
    FOLDER,
    copy,
    end_thread,
    event,
    opened,
    recovers_alike_after_opening,
    replay,
    segments,
    three_segments,
    unsynced_watermark,
    write_store,
)


@pytest.mark.parametrize("seal", [False, True], ids=["killed", "sealed"])
def test_every_flipped_byte_of_a_segment_is_refused_or_harmless(seal: bool) -> None:
    """The watermark is exact here, so nothing but a damaged seal may pass for torn."""
    disk, _ = three_segments(seal=seal)
    _, frames = replay(disk)
    for path in segments(disk):
        content = disk.content(path)
        for offset in range(len(content)):
            for mask in (0x01, 0x20, 0x80):
                harmed = bytearray(content)
                harmed[offset] ^= mask
                disk.put(path, bytes(harmed))
                try:
                    recovered, found = replay(disk)
                except JournalCorrupt:
                    continue
                assert found == frames, (path.name, offset)
                assert seal, (path.name, offset)
                assert not recovered.sealed
        disk.put(path, content)


def test_every_flipped_byte_under_a_lagging_watermark_costs_at_most_the_last_batch() -> None:
    disk, _ = three_segments()
    unsynced_watermark(disk)
    recovered, frames = replay(disk)
    last_batch_starts = recovered.beginning.base.cursor.sequence
    torn = 0
    for path in segments(disk):
        content = disk.content(path)
        for offset in range(len(content)):
            for mask in (0x01, 0x20, 0x80):
                harmed = bytearray(content)
                harmed[offset] ^= mask
                disk.put(path, bytes(harmed))
                try:
                    found_end, found = replay(disk)
                except JournalCorrupt:
                    continue
                torn += 1
                assert found == frames[: len(found)]
                assert len(found) >= last_batch_starts, (path.name, offset)
                assert found_end.torn is not None
                assert found_end.notices
        disk.put(path, content)
    assert torn > 0


def test_every_truncation_is_refused_or_torn_and_then_recovers_alike() -> None:
    disk, _ = three_segments()
    unsynced_watermark(disk)
    _, frames = replay(disk)
    *closed, last = segments(disk)
    for path in closed:
        content = disk.content(path)
        for length in range(len(content)):
            disk.put(path, content[:length])
            with pytest.raises(JournalCorrupt):
                replay(disk)
        disk.put(path, content)
    content = disk.content(last)
    header_bytes = content.index(b"\n") + 1
    for length in range(len(content)):
        shorter = copy(disk)
        shorter.put(last, content[:length])
        if length < header_bytes:
            with pytest.raises(JournalCorrupt):
                replay(shorter)
            continue
        recovered, found = replay(shorter)
        assert found == frames[: len(found)]
        whole_lines = content[:length].endswith(b"\n")
        assert (recovered.torn is None) == whole_lines
        recovers_alike_after_opening(shorter)


def test_a_log_that_ends_below_its_watermark_is_corrupt_at_every_length() -> None:
    disk, _ = three_segments()
    last = segments(disk)[-1]
    content = disk.content(last)
    for length in range(len(content)):
        disk.put(last, content[:length])
        with pytest.raises(JournalCorrupt):
            replay(disk)


def with_tail(tail: bytes) -> SimulatedDisk:
    disk, _ = three_segments()
    last = segments(disk)[-1]
    disk.put(last, disk.content(last) + tail)
    return disk


def next_lines(*batches: list[bytes]) -> list[bytes]:
    """The lines that would follow the store of three segments."""
    cursor = replay(three_segments()[0])[0].cursor
    texts = []
    for batch in batches:
        text, cursor = encode_batch(cursor, batch)
        texts += text.splitlines(keepends=True)
    return texts


def test_a_tail_of_zeros_is_torn_and_set_aside() -> None:
    disk = with_tail(bytes(5000))
    recovered, frames = replay(disk)
    assert recovered.torn is not None
    assert recovered.torn.size_bytes == 5000
    assert len(frames) == 9
    recovers_alike_after_opening(disk)
    aside = FOLDER / f"{recovered.torn.path.name}.{recovered.torn.offset}.torn"
    assert disk.content(aside) == bytes(5000)


def test_a_hole_in_the_last_batch_leaves_the_whole_events_before_it() -> None:
    lines = next_lines([event(number) for number in range(10, 14)])
    lines[2] = bytes(len(lines[2]))
    disk = with_tail(b"".join(lines))
    recovered, frames = replay(disk)
    assert [frame.sequence for frame in frames][-2:] == [10, 11]
    assert recovered.torn is not None
    recovers_alike_after_opening(disk)


def test_a_prefix_of_a_batch_that_survived_is_followed_by_a_batch_of_its_own() -> None:
    lines = next_lines([event(number) for number in range(10, 14)])
    disk = with_tail(b"".join(lines[:2]) + lines[2][:-5])
    write_store(disk, [[event(99)]])
    _, frames = replay(disk)
    assert [frame.batch for frame in frames][-3:] == [10, 10, 12]
    assert frames[-1].json == event(99)


def test_damage_before_a_later_batch_is_corrupt() -> None:
    lines = next_lines([event(10), event(11)], [event(12)])
    for damaged in (0, 1):
        harmed = [*lines]
        harmed[damaged] = bytes(len(lines[damaged]))
        with pytest.raises(JournalCorrupt, match="later lines prove it"):
            replay(with_tail(b"".join(harmed)))


def test_damage_before_a_later_batch_is_corrupt_even_where_that_one_is_torn_too() -> None:
    lines = next_lines([event(10)], [event(11), event(12)])
    with pytest.raises(JournalCorrupt, match="later lines prove it"):
        replay(with_tail(bytes(len(lines[0])) + bytes(len(lines[1])) + lines[2]))


def test_a_damaged_newline_does_not_hide_the_batch_behind_it() -> None:
    first, second = next_lines([event(10)], [event(11)])
    with pytest.raises(JournalCorrupt, match="later lines prove it"):
        replay(with_tail(first[:-1] + b"?" + second))


def test_text_in_an_event_that_looks_like_a_line_proves_nothing() -> None:
    # The forged line ends where the event's own line ends, so that its checksum holds.
    forged = checksummed(b'12 11 %b x"}' % (b"0" * 32)).rstrip(b"\n")
    json = b'{"text":"' + forged
    assert loads(json)["text"].endswith(" x")
    (line,) = next_lines([json])
    recovered, frames = replay(with_tail(b"?" + line[1:]))
    assert recovered.torn is not None
    assert len(frames) == 9


def test_damage_before_the_seal_is_corrupt() -> None:
    (line,) = next_lines([event(10)])
    disk = with_tail(bytes(len(line)) + seal_line(Cursor(10, bytes(16))))
    with pytest.raises(JournalCorrupt, match="later lines prove it"):
        replay(disk)


def test_bytes_behind_the_seal_are_corrupt() -> None:
    disk, _ = three_segments(seal=True)
    last = segments(disk)[-1]
    disk.put(last, disk.content(last) + b"\0")
    with pytest.raises(JournalCorrupt):
        replay(disk)


def test_a_line_with_a_good_checksum_in_the_wrong_place_is_corrupt_not_torn() -> None:
    later = next_lines([event(10), event(11)])[1]
    with pytest.raises(JournalCorrupt, match="the event after 9 is missing"):
        replay(with_tail(later))
    with pytest.raises(JournalCorrupt, match="chain is broken"):
        replay(with_tail(checksummed(b"10 10 %b {}" % (b"0" * 32))))
    with pytest.raises(JournalCorrupt, match="no event"):
        replay(with_tail(checksummed(b"hello")))
    chain = link(replay(three_segments()[0])[0].cursor.chain, b"{}").hex().encode()
    for batch in (7, 9, 11):
        with pytest.raises(JournalCorrupt, match="batch of event 10 did not begin"):
            replay(with_tail(checksummed(b"10 %d %b {}" % (batch, chain))))


def test_damage_to_what_a_segment_was_born_with_is_corrupt_whatever_the_watermark_says() -> None:
    disk, _ = three_segments()
    end_thread(opened(disk))
    last = segments(disk)[-1]
    unsynced_watermark(disk)
    content = disk.content(last)
    disk.put(last, content[:-10])
    with pytest.raises(JournalCorrupt, match="born with"):
        replay(disk)
