"""A watermark that cannot be synced while the journal is idle makes it read-only, once."""

import asyncio

import pytest

from holdfast.journal import FlushFailed, JournalError, NotWritten
from tests.unit.journal.support import (
    DURABLE,
    end_thread,
    event,
    fail_next,
    opened,
    provisioned,
    segments,
)
from tests.unit.journal.telling import demand_told

PATIENCE_S = 10


async def test_a_batch_that_went_to_an_idle_writer_as_it_failed_was_not_written() -> None:
    heard: list[JournalError] = []
    disk = provisioned()
    journal = opened(disk, on_failed=heard.append)
    path = segments(disk)[-1]
    fail_next(disk, "hang")
    waiting = journal.append(event(1))
    await asyncio.to_thread(disk.hanging.wait, PATIENCE_S)
    handoff = journal._handoff
    assert handoff is not None
    failure = FlushFailed("fdatasync", DURABLE, cause="the disk failed", hint="Look at the disk")
    journal._idle_failed(handoff, failure)
    disk.release.set()
    error = waiting.exception()
    assert error is not None
    told = "the watermark could not be synced"
    demand_told(error, NotWritten, "append to", path, told)
    assert heard == [failure]
    assert not journal.writable
    end_thread(journal)


async def test_a_writer_that_was_given_up_has_nothing_to_say() -> None:
    heard: list[JournalError] = []
    disk = provisioned()
    journal = opened(disk, on_failed=heard.append)
    failure = FlushFailed("fdatasync", DURABLE, cause="the disk failed", hint="Look at the disk")
    late = journal._handoff
    assert late is not None
    fail_next(disk)
    with pytest.raises(FlushFailed):
        await journal.append(event(1))
    journal._idle_failed(late, failure)
    assert journal.stats.failures == 1, "it failed before"
    await journal.reopen()
    journal._idle_failed(late, failure)
    assert journal.writable
    newest = journal._handoff
    assert newest is not None
    end_thread(journal)
    journal._idle_failed(newest, failure)
    assert len(heard) == 1
