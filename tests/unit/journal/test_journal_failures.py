import asyncio

import pytest

from holdfast.journal import (
    FlushFailed,
    JournalError,
    NotWritten,
    OpenFailed,
    ReopenFailed,
)
from tests.unit.journal.simulated_disk import Action, Fault
from tests.unit.journal.support import (
    append_all,
    copy,
    end_thread,
    event,
    fail_next,
    opened,
    provisioned,
    replay,
    segments,
)

# A watermark replaced (5: open, write, fsync, rename, fsync of the folder), a segment (5), the
# watermark again (5), and that one opened.
PROBE_OPERATIONS = 16


@pytest.mark.parametrize(
    ("skip", "action"), [(0, "error"), (0, "short"), (1, "error"), (2, "error")]
)
async def test_a_failed_flush_is_unknown_and_what_queued_behind_it_was_not_written(
    skip: int, action: Action
) -> None:
    disk = provisioned()
    heard: list[str] = []

    def on_failed(error: JournalError) -> None:
        waiting = not (flushed.done() or queued.done())
        heard.append(f"{type(error).__name__}, next {journal.next_sequence}, waiting {waiting}")

    journal = opened(disk, on_failed=on_failed)
    await journal.append(event(1))
    fail_next(disk, action, skip)
    flushed = journal.append(event(2))
    await asyncio.sleep(0)
    queued = journal.append(event(3))
    await asyncio.wait([flushed, queued])
    assert isinstance(flushed.exception(), FlushFailed)
    assert isinstance(queued.exception(), NotWritten)
    assert heard == ["FlushFailed, next 2, waiting True"]
    assert not journal.writable
    assert journal.tail is None
    with pytest.raises(NotWritten):
        _ = journal.append(event(4))
    await journal.reopen()
    await journal.append(event(5))
    assert journal.stats.failures == 1
    assert [frame.json for frame in replay(disk)[1]] == [event(1), event(5)]
    end_thread(journal)


async def test_a_failed_change_of_segment_wrote_nothing() -> None:
    disk = provisioned()
    journal = opened(disk, segment_bytes_max=1)
    fail_next(disk)
    future = journal.append(event(1))
    await asyncio.wait([future])
    assert isinstance(future.exception(), NotWritten)
    await journal.reopen()
    await journal.append(event(2))
    assert [frame.json for frame in replay(disk)[1]] == [event(2)]
    end_thread(journal)


async def test_an_unawaited_future_of_a_failed_batch_warns_nobody() -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    disk = provisioned()
    failed = asyncio.Event()
    journal = opened(disk, on_failed=lambda _: failed.set())
    fail_next(disk)
    _ = journal.append(event(1))
    await failed.wait()
    await asyncio.sleep(0)
    assert problems == []
    end_thread(journal)


async def test_nothing_is_appended_to_a_file_after_it_failed() -> None:
    disk = provisioned()
    journal = opened(disk)
    await journal.append(event(1))
    fail_next(disk, skip=1)
    with pytest.raises(FlushFailed):
        await journal.append(event(2))
    failed_file = segments(disk)[-1]
    content = disk.content(failed_file)
    await journal.reopen()
    await append_all(journal, [[event(3)], [event(4)]])
    await journal.seal()
    end_thread(journal)
    assert disk.content(failed_file) == content
    assert event(2) in content
    assert [frame.json for frame in replay(disk)[1]] == [event(1), event(3), event(4)]


async def test_a_failed_probe_leaves_it_read_only_and_its_ordinal_is_used_again() -> None:
    disk = provisioned()
    journal = opened(disk)
    await journal.append(event(1))
    fail_next(disk)
    with pytest.raises(FlushFailed):
        await journal.append(event(2))
    for skip in range(PROBE_OPERATIONS):
        fail_next(disk, skip=skip)
        with pytest.raises(ReopenFailed):
            await journal.reopen()
        assert not journal.writable
    fault = fail_next(disk, skip=PROBE_OPERATIONS)
    await asyncio.gather(journal.reopen(), journal.reopen())
    assert not fault.struck
    disk.fault = None
    await journal.reopen()
    await journal.append(event(3))
    assert [path.name[:8] for path in segments(disk)] == ["00000001", "00000002"]
    assert [frame.json for frame in replay(disk)[1]] == [event(1), event(3)]
    end_thread(journal)


@pytest.mark.parametrize("skip", [0, 1, 2], ids=["write", "fdatasync", "watermark"])
async def test_a_flush_that_hangs_counts_as_failed_and_does_no_harm_when_it_wakes(
    skip: int,
) -> None:
    disk = provisioned()
    journal = opened(disk)
    await journal.append(event(1))
    late_handoff = journal._handoff
    assert late_handoff is not None
    fail_next(disk, "hang", skip)
    late_handoff._deadline_s = 0.01
    with pytest.raises(FlushFailed, match="longer than"):
        await journal.append(event(2))
    assert disk.hanging.is_set()
    await journal.reopen()
    await journal.append(event(3))
    disk.release.set()
    late_handoff.writer.thread.join()
    for found in (disk, copy(disk)):
        assert [frame.json for frame in replay(found)[1]] == [event(1), event(3)]
    await journal.append(event(4))
    assert journal.durable.sequence == 3
    end_thread(journal)
    assert len(disk.power_cut().names) > 0


async def test_a_change_of_segment_that_hangs_cannot_replace_the_new_one_when_it_wakes() -> None:
    for skip in range(6):
        disk = provisioned()
        journal = opened(disk, segment_bytes_max=1)
        late_handoff = journal._handoff
        assert late_handoff is not None
        fail_next(disk, "hang", skip)
        late_handoff._deadline_s = 0.01
        with pytest.raises(FlushFailed, match="longer than"):
            await journal.append(event(1))
        journal._segment_bytes_max = 10_000
        await journal.reopen()
        await append_all(journal, [[event(2)], [event(3)]])
        disk.release.set()
        late_handoff.writer.thread.join()
        assert [frame.json for frame in replay(disk)[1]] == [event(2), event(3)]
        end_thread(journal)


async def test_a_probe_that_hangs_fails_and_the_next_one_serves() -> None:
    for skip in range(PROBE_OPERATIONS):
        disk = provisioned()
        journal = opened(disk)
        fail_next(disk)
        with pytest.raises(FlushFailed):
            await journal.append(event(1))
        fail_next(disk, "hang", skip)
        journal._flush_deadline_s = 0.01
        with pytest.raises(JournalError, match="longer than"):
            await journal.reopen()
        late_handoff = journal._handoff
        assert late_handoff is not None
        journal._flush_deadline_s = 1e6
        await journal.reopen()
        await append_all(journal, [[event(2)]])
        disk.release.set()
        late_handoff.writer.thread.join()
        await append_all(journal, [[event(3)]])
        assert [frame.json for frame in replay(disk)[1]] == [event(2), event(3)]
        end_thread(journal)


async def test_a_watermark_that_cannot_be_synced_when_idle_makes_it_read_only() -> None:
    disk = provisioned()
    failed: asyncio.Future[JournalError] = asyncio.get_running_loop().create_future()
    journal = opened(disk, idle_sync_s=0, on_failed=failed.set_result)
    disk.fault = Fault(len(disk.log) + 4, "error")
    await journal.append(event(1))
    error = await failed
    assert (error.operation, error.path.name) == ("fdatasync", "durable")
    assert not journal.writable
    await journal.reopen()
    end_thread(journal)
    assert replay(disk)[0].cursor.sequence == 1


async def test_a_failed_open_says_so_and_recovering_again_works() -> None:
    disk = provisioned()
    fail_next(disk, skip=4)
    with pytest.raises(OpenFailed):
        opened(disk)
    journal = opened(disk)
    await journal.append(event(1))
    end_thread(journal)
