import asyncio

import pytest

from holdfast.journal import (
    FlushFailed,
    NotWritten,
)
from tests.unit.journal.support import (
    end_thread,
    event,
    fail_next,
    opened,
    provisioned,
    replay,
    segments,
    three_segments,
)


async def test_what_one_turn_of_the_loop_appends_shares_one_flush() -> None:
    disk = provisioned()
    journal = opened(disk)
    disk.log.clear()
    futures = {journal.append(event(number)) for number in range(5)}
    assert len(futures) == 1
    assert futures == {journal.tail}
    assert journal.next_sequence == 6
    await futures.pop()
    assert journal.tail is None
    assert journal.durable.sequence == 5
    assert [line.split()[0] for line in disk.log] == ["write", "fdatasync", "write"]
    assert (journal.stats.flushes, journal.stats.events) == (1, 5)
    assert journal.stats.bytes == sum(len(event(number)) for number in range(5))
    end_thread(journal)


async def test_what_gathers_during_a_flush_shares_the_next_one() -> None:
    disk = provisioned()
    journal = opened(disk)
    first = journal.append(event(1))
    await asyncio.sleep(0)
    second, third = journal.append(event(2)), journal.append(event(3))
    assert first is not second
    assert second is third
    await third
    assert first.done()
    assert [frame.batch for frame in replay(disk)[1]] == [1, 2, 2]
    end_thread(journal)


async def test_a_batch_is_bounded_and_a_large_event_gets_its_own() -> None:
    disk = provisioned()
    journal = opened(disk, batch_bytes_max=200)
    for size_bytes in (80, 80, 80, 500, 10):
        _ = journal.append(event(1, size_bytes))
    assert journal.tail is not None
    await journal.tail
    assert [frame.batch for frame in replay(disk)[1]] == [1, 1, 3, 4, 5]
    end_thread(journal)


async def test_the_owner_hears_of_durable_events_before_any_waiter() -> None:
    heard: list[str] = []
    journal = opened(provisioned(), on_durable=lambda sequence: heard.append(f"owner {sequence}"))

    async def waiter(number: int) -> None:
        await journal.append(event(number))
        heard.append(f"waiter {number}, durable {journal.durable.sequence}")

    await asyncio.gather(waiter(1), waiter(2))
    assert heard == ["owner 2", "waiter 1, durable 2", "waiter 2, durable 2"]
    end_thread(journal)


async def test_one_waiter_that_is_cancelled_leaves_the_others_their_answer() -> None:
    journal = opened(provisioned())

    async def waiter() -> None:
        await journal.append(event(1))

    cancelled, other = asyncio.create_task(waiter()), asyncio.create_task(waiter())
    await asyncio.sleep(0)
    cancelled.cancel()
    await other
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert journal.durable.sequence == 2
    end_thread(journal)


async def test_an_event_of_two_lines_is_refused() -> None:
    journal = opened(provisioned())
    with pytest.raises(ValueError, match="one line"):
        _ = journal.append(b'{"a":\n1}')
    assert journal.next_sequence == 1
    end_thread(journal)


async def test_a_full_segment_is_followed_by_another() -> None:
    disk, events = await asyncio.to_thread(three_segments)
    recovered, frames = replay(disk)
    assert [frame.json for frame in frames] == events
    assert [segment.header.first_sequence for segment in recovered.segments] == [1, 4, 7]
    cut = [segment.header.previous_length for segment in recovered.segments[1:]]
    assert cut == [disk.size(path) for path in segments(disk)[:2]]


async def test_sealing_flushes_what_is_queued_and_refuses_more() -> None:
    disk = provisioned()
    journal = opened(disk)
    futures = [journal.append(event(number)) for number in range(3)]
    sealing = asyncio.create_task(journal.seal())
    await asyncio.sleep(0)
    with pytest.raises(NotWritten):
        _ = journal.append(event(9))
    await sealing
    assert all(future.exception() is None for future in futures)
    end_thread(journal)
    recovered, frames = replay(disk.power_cut())
    assert recovered.sealed
    assert len(frames) == 3
    await journal.seal()


async def test_sealing_a_failed_journal_only_stops_it() -> None:
    disk = provisioned()
    journal = opened(disk)
    fail_next(disk)
    with pytest.raises(FlushFailed):
        await journal.append(event(1))
    await journal.seal()
    end_thread(journal)
    assert not replay(disk)[0].sealed


async def test_a_seal_that_fails_is_reported_and_costs_nothing() -> None:
    disk = provisioned()
    journal = opened(disk)
    await journal.append(event(1))
    fail_next(disk)
    with pytest.raises(FlushFailed):
        await journal.seal()
    end_thread(journal)
    recovered, frames = replay(disk)
    assert not recovered.sealed
    assert len(frames) == 1


async def test_abandoning_fails_what_is_not_durable() -> None:
    journal = opened(provisioned(), on_failed=lambda _: pytest.fail("nobody asked"))
    flushed = journal.append(event(1))
    await asyncio.sleep(0)
    queued = journal.append(event(2))
    end_thread(journal)
    assert isinstance(flushed.exception(), FlushFailed)
    assert isinstance(queued.exception(), NotWritten)
