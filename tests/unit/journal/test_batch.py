"""Events gather in batches of a bounded size, and those who wait share one answer."""

import asyncio
from pathlib import Path

import pytest

from holdfast.journal import NotWritten
from holdfast.journal.batch import BatchQueue, Shared


def failure() -> NotWritten:
    return NotWritten("append to", Path("a"), cause="the disk failed", hint="Send it again")


def shared() -> Shared:
    return Shared(loop=asyncio.get_running_loop())


async def test_a_batch_takes_events_until_one_more_would_be_too_many_bytes() -> None:
    queue = BatchQueue(10)
    batches = [queue.add(json) for json in (b"12345", b"12345", b"1", b"x" * 11, b"2")]
    full, next_one, too_large, last = (batches[0], batches[2], batches[3], batches[4])
    assert batches[1] is full
    assert (full.events, full.size_bytes) == ([b"12345", b"12345"], 10)
    assert [each.events for each in (next_one, too_large, last)] == [[b"1"], [b"x" * 11], [b"2"]]
    assert len({id(each.future) for each in batches}) == 4


async def test_the_oldest_batch_is_taken_first_and_the_newest_one_gathers() -> None:
    queue = BatchQueue(1)
    first, second, third = (queue.add(json) for json in (b"1", b"2", b"3"))
    assert queue.newest is third
    assert queue.take() is first
    assert queue.take_all() == [second, third]
    assert (queue.take(), queue.take_all()) == (None, [])


def test_an_empty_queue_has_no_newest_batch() -> None:
    assert BatchQueue(1).newest is None


async def test_nobody_who_waits_can_cancel_the_answer_of_the_others() -> None:
    answer = shared()
    assert answer.cancel("I leave") is False
    assert not answer.done()
    answer.succeed()
    await answer


async def test_the_first_answer_stands() -> None:
    good, bad = shared(), shared()
    good.succeed()
    bad.fail(failure())
    for answer in (good, bad):
        answer.succeed()
        answer.fail(failure())
    assert good.exception() is None
    with pytest.raises(NotWritten, match="the disk failed"):
        await bad
