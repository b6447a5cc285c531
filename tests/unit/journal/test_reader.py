import asyncio
import random

import pytest

from holdfast.journal import (
    FlushFailed,
    HistoryGone,
)
from tests.unit.journal.support import (
    append_all,
    end_thread,
    event,
    fail_next,
    opened,
    provisioned,
    replay,
    segments,
    three_segments,
)


async def test_reading_agrees_with_a_scan_from_everywhere(seed: int) -> None:
    rng = random.Random(seed)
    disk = provisioned()
    journal = opened(disk, segment_bytes_max=60_000)
    count = 0
    for _ in range(60):
        batch = []
        for _ in range(rng.randint(1, 8)):
            count += 1
            batch.append(event(count, rng.choice([0, 50, 300, 9000])))
        await append_all(journal, [batch])
    assert len(segments(disk)) > 3
    end_thread(journal)
    journal = opened(disk)
    await append_all(journal, [[event(count + 1)]])
    frames = replay(disk)[1]
    for after in range(count + 2):
        limit = rng.choice([1, 3, 1000])
        assert await journal.read(after, limit) == frames[after : after + limit]
    end_thread(journal)


async def test_reading_is_bounded_in_bytes_but_gives_at_least_one() -> None:
    journal = opened(provisioned())
    await append_all(journal, [[event(number, 100) for number in range(10)]])
    two = len(event(0, 100)) * 2
    assert [frame.sequence for frame in await journal.read(3, 100, two)] == [4, 5]
    assert [frame.sequence for frame in await journal.read(3, 100, 1)] == [4]
    assert await journal.read(3, 0) == []
    end_thread(journal)


async def test_reading_never_sees_what_is_not_durable() -> None:
    disk = provisioned()
    journal = opened(disk)
    await journal.append(event(1))
    fail_next(disk, skip=1)
    with pytest.raises(FlushFailed):
        await journal.append(event(2))
    assert event(2) in disk.content(segments(disk)[-1])
    assert [frame.json for frame in await journal.read(0, 100)] == [event(1)]
    assert await journal.read(1, 100) == []
    await journal.reopen()
    await journal.append(event(3))
    assert [frame.json for frame in await journal.read(0, 100)] == [event(1), event(3)]
    end_thread(journal)


async def test_reading_before_the_oldest_kept_event_says_history_is_gone() -> None:
    disk, _ = await asyncio.to_thread(three_segments)
    recovered, frames = replay(disk)
    journal = opened(disk)
    gone = recovered.segments[1].header.before
    journal._closed_segments = journal._closed_segments[1:]
    assert await journal.read(gone.sequence, 100) == frames[gone.sequence :]
    with pytest.raises(HistoryGone):
        await journal.read(gone.sequence - 1, 100)
    end_thread(journal)
