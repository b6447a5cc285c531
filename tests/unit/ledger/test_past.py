"""The past at its edges: too many ask, it takes too long, somebody leaves, files are gone."""

import asyncio
import re
import shutil
import threading
from pathlib import Path

import pytest

from holdfast.domain.commands import Command, ReceiveStock
from holdfast.domain.rejections import Rejected
from holdfast.http.problems import problem
from holdfast.journal import OsDisk
from holdfast.ledger import past_work
from holdfast.ledger.past_values import AsOf, Scope
from holdfast.ledger.past_work import Budget, PastWork
from holdfast.ledger.port import Unavailable
from holdfast.resilience.admission import Overloaded
from tests.fault.test_ledger_archive import LIVES, live, logs_in, opened
from tests.support.opened import CHECKPOINT_S, Tenant, with_a_tenant
from tests.support.steps import step

ONE = Scope("S", "A")


async def test_two_work_at_once_eight_wait_and_the_next_is_sent_away() -> None:
    work, gate, begun = PastWork(), threading.Event(), threading.Semaphore(0)

    def wait(_: Budget) -> None:
        begun.release()
        gate.wait(10)

    tasks = [asyncio.create_task(work.run(wait)) for _ in range(10)]
    for _ in range(2):
        await asyncio.to_thread(begun.acquire)
    with pytest.raises(Overloaded):
        await work.run(wait)
    assert not begun.acquire(blocking=False)
    gate.set()
    await asyncio.gather(*tasks)


async def test_who_waits_too_long_for_a_place_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_work, "WAIT_S", 0.01)
    work, gate = PastWork(), threading.Event()
    tasks = [asyncio.create_task(work.run(lambda _: gate.wait(10))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await work.run(lambda _: None)
    gate.set()
    await asyncio.gather(*tasks)
    await work.run(lambda _: None)


async def test_a_search_that_nobody_waits_for_ends_and_keeps_its_place_until_then() -> None:
    work, began = PastWork(), threading.Event()
    ended: list[str] = []

    def search(budget: Budget) -> None:
        began.set()
        try:
            spend_all(budget)
        except Unavailable as no:
            ended.append(no.code)
            raise

    task = asyncio.create_task(work.run(search))
    await asyncio.to_thread(began.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["overloaded"]


def spend_all(budget: Budget) -> None:
    while True:
        budget.step()


def test_a_search_ends_when_its_time_is_up() -> None:
    with pytest.raises(Unavailable, match="too long"):
        spend_all(Budget(seconds=0.002))


async def test_what_needs_events_that_were_taken_away_is_gone(tmp_path: Path) -> None:
    await live(tmp_path)
    shutil.move(tmp_path / "journal" / "archive", tmp_path / "elsewhere")
    ledger = await opened(tmp_path, OsDisk())
    first = int(logs_in(tmp_path / "journal")[0][9:29])
    for place in (AsOf(sequence=first - 2), AsOf(at=1)):
        with pytest.raises(Rejected) as caught:
            await ledger.past.read(place, ONE)
        assert problem(caught.value, "r").status == 410
        assert caught.value.data == {"firstSequence": first}
    newest = await ledger.past.read(AsOf(sequence=LIVES), ONE)
    assert [each.on_hand for each in newest.stock_page("S", "A", None, 1)] == [LIVES]
    await ledger.close()


async def test_the_archive_is_searched_for_what_is_older(tmp_path: Path) -> None:
    await live(tmp_path)
    shutil.rmtree(tmp_path / "state")
    ledger = await opened(tmp_path, OsDisk())
    for sequence in range(1, LIVES + 1):
        reading = await ledger.past.read(AsOf(sequence=sequence), ONE)
        assert [each.on_hand for each in reading.stock_page("S", "A", None, 1)] == [sequence]
    told = await ledger.past.explain("S", "A", AsOf(sequence=1))
    assert told is not None
    assert told.on_hand is not None
    assert told.on_hand.sequence == 1
    await ledger.close()


async def test_a_damaged_checkpoint_is_passed_over_and_damaged_events_are_told(
    tmp_path: Path,
) -> None:
    await live(tmp_path)
    ledger = await opened(tmp_path, OsDisk())
    for shard in (tmp_path / "state").glob("stock/*.json"):
        shard.write_bytes(shard.read_bytes().replace(b'"onHand":', b'"onHand": '))
    reading = await ledger.past.read(AsOf(sequence=LIVES), ONE)
    assert [each.on_hand for each in reading.stock_page("S", "A", None, 1)] == [LIVES]
    for log in (tmp_path / "journal").rglob("*.log"):
        log.write_bytes(re.sub(rb'"onHand":\d', b'"onHand":7', log.read_bytes()))
    with pytest.raises(Unavailable) as caught:
        await ledger.past.read(AsOf(sequence=LIVES), ONE)
    assert caught.value.code == "journal_unavailable"
    await ledger.close()


@with_a_tenant
async def test_a_line_longer_than_what_is_read_at_once_is_found(tenant: Tenant) -> None:
    reason = "x" * 600_000
    for number in (1, 2):
        action = ReceiveStock("S", "A", 1, reason=reason)
        await tenant.ledger.execute(Command(action, f"e{number}", "me", "r"))
    await tenant.ask(step("receive", store="S", sku="B", qty=1))
    told = await tenant.ledger.past.explain("S", "A", None)
    assert told is not None
    assert told.on_hand is not None
    assert (told.on_hand.sequence, told.on_hand.reason) == (2, reason)


@with_a_tenant
async def test_while_nothing_can_be_written_only_what_is_settled_is_answered(
    tenant: Tenant,
) -> None:
    """The deadline has come, and no event of it exists yet: nobody knows what it will be."""
    await tenant.ask(step("receive", store="S", sku="A", qty=5))
    held = step("reserve", id="r1", store="S", lines=[("A", 2)], user=None, ttl=1_000, reuse=False)
    await tenant.ask(held)
    ends = tenant.clock.wall_ms() + 1_000
    tenant.disk.broken.add("fdatasync")
    task = await tenant.begin(step("receive", store="S", sku="B", qty=5))
    with pytest.raises(Unavailable):
        await task
    await tenant.pass_time(2_000)
    past = tenant.ledger.past
    known = await past.read(AsOf(sequence=2), ONE)
    assert [each.reserved for each in known.stock_page("S", "A", None, 1)] == [2]
    with pytest.raises(Unavailable) as caught:
        await past.read(AsOf(at=ends), ONE)
    assert caught.value.code == "read_only"
    told = await past.explain("S", "A", None)
    assert told is not None
    assert (told.record.reserved, told.held) == (0, ())


@with_a_tenant
async def test_of_an_instant_what_was_due_counts_although_its_event_came_later(
    tenant: Tenant,
) -> None:
    await tenant.ask(step("receive", store="S", sku="A", qty=5))
    await tenant.ask(step("receive", store="S", sku="B", qty=5))
    began = tenant.clock.wall_ms()
    for number, ttl in ((1, 1_000), (2, 9_000)):
        lines = [("A", number)]
        name = f"r{number}"
        await tenant.ask(
            step("reserve", id=name, store="S", lines=lines, user=None, ttl=ttl, reuse=False)
        )
    await tenant.ask(step("out", store="S", sku="B", out=True, until=began + 2_000, expected=None))
    await tenant.crash()
    tenant.clock.advance(CHECKPOINT_S * 1000)
    await tenant.open()
    await tenant.pass_time(1)
    reserved = {}
    for ms in (999, 1_000, 8_999, 9_000):
        reading = await tenant.ledger.past.read(AsOf(at=began + ms), ONE)
        (record,) = reading.stock_page("S", "A", None, 1)
        reserved[ms] = record.reserved
    assert reserved == {999: 3, 1_000: 2, 8_999: 2, 9_000: 0}
    out = {}
    for ms in (1_999, 2_000):
        reading = await tenant.ledger.past.read(AsOf(at=began + ms), Scope("S", "B"))
        (record,) = reading.stock_page("S", "B", None, 1)
        out[ms] = record.is_out
    assert out == {1_999: True, 2_000: False}


@with_a_tenant
async def test_a_tenant_that_was_closed_answers_for_no_past(tenant: Tenant) -> None:
    await tenant.ask(step("receive", store="S", sku="A", qty=5))
    ledger = tenant.ledger  # As whoever asks has it.
    await tenant.close()
    with pytest.raises(Unavailable):
        await ledger.past.read(AsOf(sequence=1), ONE)
    with pytest.raises(Unavailable):
        await ledger.past.explain("S", "A", None)
