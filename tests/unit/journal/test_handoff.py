"""Each piece of work gets one outcome on the loop, whatever the disk and the thread do."""

import asyncio
import threading
import time
from typing import Any

import pytest

from holdfast.journal import Cursor, FlushFailed, JournalError, ReopenFailed
from holdfast.journal.appender import Appender
from holdfast.journal.frame import encode_batch
from holdfast.journal.guard import DiskFault, GuardedDisk
from holdfast.journal.handoff import Handoff
from holdfast.journal.threads import STAND_ASIDE_S
from holdfast.journal.writer import Done, Outcome
from tests.unit.journal.simulated_disk import SimulatedDisk
from tests.unit.journal.support import (
    DURABLE,
    FOLDER,
    NEVER_S,
    event,
    fail_next,
    provisioned,
    replay,
)
from tests.unit.journal.telling import demand_told

#: What never answers fails its test, long before the test runs out of its own time.
PATIENCE_S = 10


class Loop:
    """A handoff on a disk, with what its loop hears."""

    def __init__(self, disk: SimulatedDisk, **options: Any) -> None:
        self.disk = disk
        self.idle_failures: list[tuple[Handoff, JournalError]] = []
        self.idle_failed = asyncio.Event()
        self.begun = replay(disk)[0].beginning
        defaults: dict[str, Any] = {
            "deadline_s": NEVER_S,
            "idle_sync_s": NEVER_S,
            "on_idle_failure": self.hear,
        }
        self.handoff = Handoff(FOLDER, disk, self.appender, **(defaults | options))

    def appender(self, disk: GuardedDisk) -> Appender:
        return Appender(FOLDER, disk, self.begun, segment_bytes_max=1 << 20)

    def hear(self, handoff: Handoff, error: JournalError) -> None:
        self.idle_failures.append((handoff, error))
        self.idle_failed.set()

    async def flush(self, after: Cursor, number: int) -> Outcome:
        data, end = encode_batch(after, [event(number)])
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.handoff.flush(data, end, outcome.set_result)
        return await asyncio.wait_for(outcome, PATIENCE_S)

    async def begin(self) -> Outcome:
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.handoff.begin(outcome.set_result)
        return await asyncio.wait_for(outcome, PATIENCE_S)

    async def ended(self) -> None:
        await asyncio.to_thread(self.handoff.writer.thread.join, PATIENCE_S)
        assert not self.handoff.writer.thread.is_alive()


async def test_an_outcome_tells_the_new_end_and_how_long_the_disk_took() -> None:
    loop = Loop(provisioned())
    position = loop.handoff.open()
    began = time.perf_counter()
    outcome = await loop.flush(position.cursor, 1)
    assert isinstance(outcome, Done)
    assert outcome.position.cursor.sequence == 1
    assert 0 < outcome.seconds <= time.perf_counter() - began
    loop.handoff.stop()
    await loop.ended()
    assert loop.disk.handles == {}, "whoever ends closes its files"
    assert loop.idle_failures == []


async def test_a_beginning_in_the_thread_is_an_outcome_too() -> None:
    loop = Loop(provisioned())
    outcome = await loop.begin()
    assert isinstance(outcome, Done)
    assert outcome.position.cursor.sequence == 0
    loop.handoff.stop()
    await loop.ended()


async def test_a_beginning_that_fails_names_the_file_and_ends_the_thread() -> None:
    loop = Loop(provisioned())
    fail_next(loop.disk, skip=3)
    outcome = await loop.begin()
    assert isinstance(outcome, ReopenFailed)
    demand_told(outcome, ReopenFailed, "rename", DURABLE, "the disk failed")
    await loop.ended()
    assert loop.disk.handles == {}


async def test_an_opening_that_fails_is_raised_and_starts_no_thread() -> None:
    loop = Loop(provisioned())
    fail_next(loop.disk)
    with pytest.raises(DiskFault, match="the disk failed"):
        loop.handoff.open()
    assert not loop.handoff.writer.thread.is_alive()


async def test_a_failed_flush_ends_the_thread_and_closes_its_files() -> None:
    loop = Loop(provisioned())
    position = loop.handoff.open()
    fail_next(loop.disk)
    outcome = await loop.flush(position.cursor, 1)
    assert isinstance(outcome, FlushFailed)
    await loop.ended()
    assert loop.disk.handles == {}


async def test_a_defect_is_reported_as_one_and_leaves_nobody_waiting() -> None:
    loop = Loop(provisioned())
    position = loop.handoff.open()
    appender = loop.handoff.writer._appender
    assert appender is not None

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    appender.flush = broken  # type: ignore[assignment,method-assign]  # a defect to be met
    outcome = await loop.flush(position.cursor, 1)
    assert isinstance(outcome, FlushFailed)
    demand_told(outcome, FlushFailed, "flush", FOLDER, "ZeroDivisionError('a bug')")
    assert "report it" in outcome.hint
    await loop.ended()


async def test_work_before_the_beginning_is_a_defect() -> None:
    loop = Loop(provisioned())
    loop.handoff.writer.thread.start()
    outcome = await loop.flush(loop.begun.end, 1)
    assert isinstance(outcome, FlushFailed)
    assert "not begun" in outcome.cause
    await loop.ended()


async def test_an_overdue_flush_says_how_long_it_was_waited_for() -> None:
    loop = Loop(provisioned(), deadline_s=0.01)
    position = loop.handoff.open()
    fail_next(loop.disk, "hang")
    outcome = await loop.flush(position.cursor, 1)
    assert isinstance(outcome, FlushFailed)
    demand_told(outcome, FlushFailed, "flush", FOLDER, "it takes longer than 0.01 s")
    # The thread wakes: nothing that it still does counts, and nobody hears of it.
    loop.disk.release.set()
    await loop.ended()
    await asyncio.sleep(0)
    assert loop.idle_failures == []
    assert replay(loop.disk)[0].cursor.sequence in {0, 1}


async def test_work_that_was_given_up_gets_no_outcome() -> None:
    loop = Loop(provisioned())
    position = loop.handoff.open()
    fail_next(loop.disk, "hang")
    waiting = asyncio.create_task(loop.flush(position.cursor, 1))
    await asyncio.to_thread(loop.disk.hanging.wait, PATIENCE_S)
    loop.handoff.revoke()
    loop.disk.release.set()
    await loop.ended()
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    assert not [timer for timer in timers() if not timer.cancelled()]


def timers() -> list[asyncio.TimerHandle]:
    """What the loop will call later for a handoff."""
    scheduled: list[asyncio.TimerHandle] = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # nothing public tells
    return [each for each in scheduled if "Handoff" in repr(each)]


async def test_no_timer_outlives_its_work() -> None:
    loop = Loop(provisioned())
    position = loop.handoff.open()
    await loop.flush(position.cursor, 1)
    assert not [timer for timer in timers() if not timer.cancelled()]
    loop.handoff.stop()
    await loop.ended()


async def test_the_loop_stands_aside_again_and_again_while_the_disk_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = Loop(provisioned())
    position = loop.handoff.open()
    stood: list[float] = []

    def stand(seconds: float) -> None:
        stood.append(seconds)
        if len(stood) == 3:
            loop.disk.release.set()

    monkeypatch.setattr("holdfast.journal.threads.time.sleep", stand)
    fail_next(loop.disk, "hang")
    outcome = await loop.flush(position.cursor, 1)
    assert isinstance(outcome, Done)
    assert len(stood) >= 3
    assert set(stood) == {STAND_ASIDE_S}
    loop.handoff.stop()
    await loop.ended()


async def test_a_watermark_that_fails_while_idle_is_told_with_its_handoff() -> None:
    loop = Loop(provisioned(), idle_sync_s=0)
    position = loop.handoff.open()
    fail_next(loop.disk, skip=3)
    assert isinstance(await loop.flush(position.cursor, 1), Done)
    await asyncio.wait_for(loop.idle_failed.wait(), PATIENCE_S)
    ((handoff, error),) = loop.idle_failures
    assert handoff is loop.handoff
    demand_told(error, FlushFailed, "fdatasync", DURABLE, "the disk failed")
    await loop.ended()


async def test_an_idle_writer_syncs_the_watermark_by_itself_and_once() -> None:
    loop = Loop(provisioned(), idle_sync_s=0)
    position = loop.handoff.open()
    loop.disk.log.clear()
    await loop.flush(position.cursor, 1)
    loop.handoff.stop()
    await loop.ended()
    assert loop.disk.log.count("fdatasync durable") <= 1
    assert loop.idle_failures == []


def test_a_thread_that_ends_after_its_loop_has_nobody_to_tell() -> None:
    disk = provisioned()

    async def left() -> Loop:
        loop = Loop(disk)
        position = loop.handoff.open()
        fail_next(disk, "hang")
        task = asyncio.create_task(loop.flush(position.cursor, 1))
        await asyncio.to_thread(disk.hanging.wait, PATIENCE_S)
        task.cancel()
        return loop

    loop = asyncio.run(left())
    disk.release.set()
    loop.handoff.stop()
    thread = loop.handoff.writer.thread
    thread.join(PATIENCE_S)
    assert disk.handles == {}
    assert isinstance(thread, threading.Thread)
    assert thread.daemon, "a thread that hangs must not keep the process"
