"""A journal that lost any part of its end opens as its first events, whole and in order."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.journal.watermark import Watermark, encode_slot
from tests.unit.journal.support import (
    FOLDER,
    copy,
    end_thread,
    opened,
    provisioned,
    replay,
    segments,
    write_store,
)

EVENT = st.binary(max_size=300).map(lambda raw: b'{"d":"%s"}' % raw.hex().encode())
BATCHES = st.lists(st.lists(EVENT, min_size=1, max_size=5), min_size=1, max_size=8)


@given(
    processes=st.lists(st.tuples(BATCHES, st.booleans()), min_size=1, max_size=3), data=st.data()
)
def test_any_prefix_recovers_to_a_whole_event_prefix(
    processes: list[tuple[list[list[bytes]], bool]], data: st.DataObject
) -> None:
    disk = provisioned()
    for batches, seal in processes:
        write_store(disk, batches, seal=seal, segment_bytes_max=1500)
    events = [event for batches, _ in processes for batch in batches for event in batch]
    _, frames = replay(disk)
    assert [frame.json for frame in frames] == events

    # As a power cut leaves it: the watermark lags, the last segment ends anywhere.
    last = replay(disk)[0].segments[-1]
    born_with = last.header.born_with
    born_bytes = last.start
    for frame, line in zip(
        frames[last.header.before.sequence :],
        disk.content(last.path)[last.start :].splitlines(keepends=True),
        strict=False,
    ):
        born_bytes += len(line) if frame.sequence <= born_with else 0
    mark = Watermark(last.header.ordinal, last.start, last.header.before)
    disk.put(FOLDER / "durable", encode_slot(mark) * 2)
    content = disk.content(last.path)
    length = data.draw(st.integers(born_bytes, len(content)), label="length")
    shorter = copy(disk)
    shorter.put(last.path, content[:length])

    recovered, found = replay(shorter)
    assert found == frames[: len(found)]
    assert len(found) >= born_with
    assert content[:length].endswith(b"\n") == (recovered.torn is None)

    end_thread(opened(shorter))
    again, found_again = replay(shorter)
    assert (again.cursor, found_again, again.torn) == (recovered.cursor, found, None)


@given(batches=BATCHES, more=BATCHES, seal=st.booleans())
def test_what_follows_a_restart_follows_what_was_there(
    batches: list[list[bytes]], more: list[list[bytes]], seal: bool
) -> None:
    disk = provisioned()
    write_store(disk, batches, seal=seal, segment_bytes_max=1000)
    write_store(disk, more, segment_bytes_max=1000)
    events = [event for batch in [*batches, *more] for event in batch]
    _, frames = replay(disk)
    assert [frame.json for frame in frames] == events
    assert len(segments(disk)) >= 1
