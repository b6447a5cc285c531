"""Two processes on one folder: what their readers, followers, timers and checkpoints make of it."""

import asyncio

from holdfast.domain.records import RESERVATION
from holdfast.journal import OsDisk
from holdfast.ledger.opening import load_tenant
from holdfast.verify.tenant import verify_tenant
from tests.support.opened import hold_of, stock_of
from tests.support.shared_folder import HOLD, RECEIVE, on_hand, receive, stand_still_in_a_flush
from tests.support.sharers import TENANT, Sharers
from tests.support.steps import step


async def test_a_deadline_is_written_once(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    await one.ask(RECEIVE)
    await one.ask(step("reserve", id="R", ttl=30_000, **HOLD))
    sharers.machine.passed_ms += 30_000
    readings = await asyncio.gather(*(each.ledger.read() for each in (one, other) * 4))
    for reading in readings:
        assert hold_of(reading, "R").status == "expired"
        assert stock_of(reading).reserved == 0
    assert sharers.events_of("ReservationExpired") == 1


async def test_a_deadline_that_nobody_asks_about_is_written_once(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    await one.ask(RECEIVE)
    await one.ask(step("reserve", id="R", ttl=50, **HOLD))
    seen = await asyncio.gather(*(each.ledger.events(2, 10, 20.0) for each in (one, other)))
    assert [len(events) for events in seen] == [1, 1]
    # Another event, so that whatever the timers might still do comes before it.
    await other.ask(receive("after"))
    assert sharers.events_of("ReservationExpired") == 1


async def test_readers_see_a_deadline_that_came_while_another_process_stands_still(
    sharers: Sharers,
) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    await one.ask(RECEIVE)
    await one.ask(step("reserve", id="R", ttl=10_000, **HOLD))
    assert stock_of(await other.ledger.read()).reserved == 7
    late = await stand_still_in_a_flush(one, "write", receive("late"))
    sharers.machine.passed_ms += 10_000
    reading = await other.ledger.read()
    assert stock_of(reading).reserved == 0
    assert not reading.exact
    one.disk.let_go()
    await late
    reading = await other.ledger.read()
    assert (stock_of(reading).reserved, reading.exact) == (0, True)
    assert reading.get(RESERVATION, ("R",)) is not None
    assert sharers.events_of("ReservationExpired") == 1


async def test_followers_and_long_polls_hear_of_what_another_process_wrote(
    sharers: Sharers,
) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    heard: list[str] = []
    other.ledger.follow(lambda event, _: heard.append(event.type))
    waiting = asyncio.create_task(other.ledger.events(0, 10, 20.0))
    await one.ask(receive("first"))
    assert [each.sequence for each in await waiting] == [1]
    assert heard == ["StockReceived"]


async def test_a_clock_that_lags_takes_the_time_of_what_it_reads(sharers: Sharers) -> None:
    one = await sharers.start("one")
    sharers.machine.wall_offset_ms = 3_600_000
    ahead = (await one.ask(receive("ahead"))).stock[0].updated_at
    sharers.machine.wall_offset_ms = 0
    other = await sharers.start("other")
    behind = (await other.ask(receive("behind"))).stock[0].updated_at
    assert behind >= ahead


async def test_one_process_saves_checkpoints_and_the_next_takes_over(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    for number in range(5):
        await one.ask(receive(f"{number}"))
    assert (await one.ledger.read()).sequence == 5
    await sharers.end(one)
    first = load_tenant(sharers.folder, TENANT, OsDisk()).checkpoints
    assert first.older_cursor is None
    await other.ask(step("receive", store="T", sku="B", qty=1))
    await sharers.end(other)
    assert {one.counted["checkpoints"], other.counted["checkpoints"]} == {1}
    result = verify_tenant(sharers.folder, OsDisk())
    assert not result.differences


async def test_what_a_reader_took_in_while_a_turn_was_lost_is_not_taken_in_again(
    sharers: Sharers,
) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    for number in range(3):
        await one.ask(receive(f"{number}"))
    stale = other.ledger._journal.news()
    assert stale is not None
    heard: list[int] = []
    other.ledger.follow(lambda event, _: heard.append(event.sequence))
    await one.ask(receive("more"))
    assert on_hand(await other.ledger.read()) == 4
    other.ledger._following.take_over(stale)
    assert heard == [1, 2, 3, 4]
    assert other.ledger.last_sequence == 4
    found = await other.ledger.events(2, 10)
    assert [event.sequence for event in found] == [3, 4]


async def test_a_process_that_ends_last_saves_what_the_others_wrote_too(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    await one.ask(receive("one"))
    await other.ask(receive("other"))
    # It had not looked since, and takes the maintenance over while it closes.
    await sharers.end(other)
    await sharers.end(one)
    assert load_tenant(sharers.folder, TENANT, OsDisk()).recovered.cursor.sequence == 2
    assert not verify_tenant(sharers.folder, OsDisk()).differences
