"""What a journal says in each of its states, to those who append, read, open and end it."""

import asyncio

import pytest

from holdfast.journal import FlushFailed, Journal, JournalError, NotWritten, OpenFailed
from tests.unit.journal.support import (
    DURABLE,
    FOLDER,
    TENANT,
    end_thread,
    event,
    fail_next,
    opened,
    provisioned,
    replay,
    segments,
    three_segments,
    write_store,
)
from tests.unit.journal.telling import demand_told

PATIENCE_S = 10


def unopened() -> Journal:
    disk = provisioned()
    return Journal(
        FOLDER,
        TENANT,
        replay(disk)[0],
        disk,
        on_durable=lambda _: None,
        on_failed=lambda _: None,
    )


async def refused(journal: Journal) -> NotWritten:
    before = journal.next_sequence
    with pytest.raises(NotWritten) as refusal:
        _ = journal.append(event(1))
    assert journal.next_sequence == before
    return refusal.value


async def test_only_an_open_journal_takes_events_and_the_others_say_why() -> None:
    journal = unopened()
    path = segments(provisioned())[0]
    demand_told(await refused(journal), NotWritten, "append to", path, "the journal is not open")
    journal.open()
    assert journal.writable
    await journal.append(event(1))
    await journal.seal()
    error = await refused(journal)
    demand_told(error, NotWritten, "append to", path, "the journal is shut down")
    assert "send it again" in error.hint
    end_thread(journal)


async def test_a_journal_that_is_shutting_down_takes_no_more() -> None:
    disk = provisioned()
    journal = opened(disk)
    fail_next(disk, "hang")
    waiting = journal.append(event(1))
    sealing = asyncio.create_task(journal.seal())
    await asyncio.to_thread(disk.hanging.wait, PATIENCE_S)
    assert "shutting down" in (await refused(journal)).cause
    disk.release.set()
    await asyncio.wait_for(sealing, PATIENCE_S)
    assert waiting.exception() is None
    end_thread(journal)
    assert replay(disk)[0].sealed


async def test_a_shutdown_whose_last_flush_fails_tells_who_waited_and_seals_nothing() -> None:
    disk = provisioned()
    journal = opened(disk)
    fail_next(disk)
    waiting = journal.append(event(1))
    await asyncio.wait_for(journal.seal(), PATIENCE_S)
    assert isinstance(waiting.exception(), FlushFailed)
    end_thread(journal)
    assert not replay(disk)[0].sealed


async def test_a_failed_journal_names_what_failed_first_and_why_the_rest_was_not_written() -> None:
    disk = provisioned()
    heard: list[JournalError] = []
    journal = opened(disk, on_failed=heard.append)
    await journal.append(event(1))
    path = segments(disk)[-1]
    stop = disk.size(path)
    fail_next(disk)
    flushed = journal.append(event(2))
    await asyncio.sleep(0)
    queued = journal.append(event(3))
    await asyncio.wait([flushed, queued], timeout=PATIENCE_S)
    error = flushed.exception()
    assert error is not None
    demand_told(error, FlushFailed, "write", path, "the disk failed", offset=stop)
    assert heard == [error]
    error = queued.exception()
    assert error is not None
    demand_told(error, NotWritten, "append to", path, "the flush before it failed")
    told = "the journal is read-only since a write failed"
    demand_told(await refused(journal), NotWritten, "append to", path, told)
    assert (journal.stats.failures, journal.writable) == (1, False)
    end_thread(journal)


async def test_an_opening_that_fails_names_the_file_and_cannot_be_repeated() -> None:
    journal = unopened()
    disk = journal._disk
    fail_next(disk, skip=1)  # type: ignore[arg-type]  # it is the simulated one
    with pytest.raises(OpenFailed) as failure:
        journal.open()
    error = failure.value
    demand_told(error, OpenFailed, "write", error.path, "the disk failed")
    assert error.path.name.startswith(DURABLE.name)
    assert not journal.writable
    with pytest.raises(RuntimeError, match="opened once"):
        journal.open()


async def test_a_journal_is_opened_once_and_reopened_only_after_a_failure() -> None:
    journal = unopened()
    with pytest.raises(RuntimeError, match="the journal is not open"):
        await journal.reopen()
    journal.open()
    handoff = journal._handoff
    with pytest.raises(RuntimeError, match="opened once"):
        journal.open()
    await journal.reopen()
    assert journal._handoff is handoff, "one that is open is left alone"
    journal.abandon()
    with pytest.raises(RuntimeError, match="the journal is shut down"):
        await journal.reopen()
    end_thread(journal)


async def test_many_who_ask_for_the_journal_back_share_one_probe() -> None:
    disk = provisioned()
    journal = opened(disk)
    fail_next(disk)
    with pytest.raises(FlushFailed):
        await journal.append(event(1))
    disk.log.clear()
    await asyncio.wait_for(asyncio.gather(*(journal.reopen() for _ in range(3))), PATIENCE_S)
    assert journal.writable
    assert journal.stats.failures == 1
    assert [line.split()[0] for line in disk.log].count("rename") == 3
    fail_next(disk)
    with pytest.raises(FlushFailed):
        await journal.append(event(2))
    assert journal.stats.failures == 2
    await journal.reopen()
    await journal.append(event(3))
    end_thread(journal)
    assert [frame.json for frame in replay(disk)[1]] == [event(3)]


async def test_a_shutdown_tells_each_who_waits_what_became_of_it() -> None:
    disk = provisioned()
    journal = opened(disk)
    path = segments(disk)[-1]
    fail_next(disk, "hang")
    flushed = journal.append(event(1))
    await asyncio.to_thread(disk.hanging.wait, PATIENCE_S)
    queued = journal.append(event(2))
    journal.abandon()
    disk.release.set()
    await asyncio.wait([flushed, queued], timeout=PATIENCE_S)
    unknown, not_written = flushed.exception(), queued.exception()
    assert unknown is not None
    assert not_written is not None
    demand_told(unknown, FlushFailed, "flush", FOLDER, "the journal was shut down")
    assert "unknown until the journal is writable" in unknown.hint  # type: ignore[attr-defined]  # demanded above
    demand_told(not_written, NotWritten, "append to", path, "the journal was shut down")
    assert journal.next_sequence == 1
    assert journal.tail is None
    end_thread(journal)


async def test_a_shutdown_ends_the_probe_that_is_under_way() -> None:
    disk = provisioned()
    journal = opened(disk)
    fail_next(disk)
    with pytest.raises(FlushFailed):
        await journal.append(event(1))
    fail_next(disk, "hang")
    probing = asyncio.create_task(journal.reopen())
    await asyncio.sleep(0)
    await asyncio.to_thread(disk.hanging.wait, PATIENCE_S)
    journal.abandon()
    with pytest.raises(NotWritten, match="the journal was shut down"):
        await asyncio.wait_for(probing, PATIENCE_S)
    disk.release.set()
    end_thread(journal)
    assert not journal.writable


async def test_counters_tell_of_flushes_and_of_a_torn_end() -> None:
    disk = provisioned()
    journal = opened(disk)
    assert journal.stats.torn_tails == 0
    for number in (1, 2):
        await journal.append(event(number))
    stats = journal.stats
    assert (stats.flushes, stats.events, stats.failures) == (2, 2, 0)
    assert stats.bytes == len(event(1)) + len(event(2))
    assert 0 < stats.flush_seconds_last < stats.flush_seconds_total
    end_thread(journal)
    path = segments(disk)[-1]
    disk.put(path, disk.content(path) + b"half a li")
    journal = opened(disk)
    assert journal.stats.torn_tails == 1
    end_thread(journal)


async def test_nothing_is_read_where_nothing_can_be() -> None:
    disk, _ = await asyncio.to_thread(three_segments)
    journal = opened(disk)
    disk.log.clear()
    assert await journal.read(9, 10) == []
    assert await journal.read(0, 0) == []
    assert await journal.read(0, -1) == []
    assert disk.log == []
    assert [frame.sequence for frame in await journal.read(8, 1)] == [9]
    assert [frame.sequence for frame in await journal.read(0, 1)] == [1]
    end_thread(journal)


async def test_an_owner_that_fails_leaves_no_one_waiting() -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))

    def broken(_: object) -> None:
        raise ZeroDivisionError

    disk = provisioned()
    journal = opened(disk, on_durable=broken, on_failed=broken)
    await asyncio.wait_for(journal.append(event(1)), PATIENCE_S)
    fail_next(disk)
    with pytest.raises(FlushFailed):
        await asyncio.wait_for(journal.append(event(2)), PATIENCE_S)
    assert len(problems) == 2
    end_thread(journal)


def test_a_start_takes_over_where_the_log_ends() -> None:
    disk, _ = three_segments()

    async def look() -> None:
        journal = opened(disk)
        assert (journal.folder, journal.tenant_id) == (FOLDER, TENANT)
        assert (journal.durable.sequence, journal.next_sequence) == (9, 10)
        assert journal.durable == replay(disk)[0].cursor
        assert journal.tail is None
        end_thread(journal)

    asyncio.run(look())
    write_store(disk, [[event(10)]])
    assert [frame.sequence for frame in replay(disk)[1]] == list(range(1, 11))
