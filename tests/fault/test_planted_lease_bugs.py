"""Each thing that leases rest on, taken away: then acknowledged events get lost, or stock is sold twice.

The scenario holds where nothing is planted. With the bug it must not, or nobody would miss the
thing that was taken away.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.domain.records import Outcome
from holdfast.journal import News
from holdfast.journal.errors import JournalError
from holdfast.ledger.leases.following import Following
from holdfast.ledger.leases.lease import Lease
from holdfast.ledger.leases.turns import Turns
from tests.support.sharers import TTL_MS, Sharers
from tests.support.steps import Step, step


def receive(key: str) -> Step:
    return step("receive", key, store="S", sku="A", qty=1)


def ship(key: str) -> Step:
    return step("ship", key, store="S", sku="A", qty=1)


@pytest.fixture
async def sharers(tmp_path: Path) -> AsyncIterator[Sharers]:
    folder = Sharers(tmp_path)
    yield folder
    await folder.close()


async def is_kept_when_robbed(sharers: Sharers) -> bool:
    """Whether what a robbed process acknowledges is in the log once, and what it does not may be."""
    one, other = await sharers.start("one"), await sharers.start("other")
    one.disk.hold("write")
    late = asyncio.create_task(one.ask(receive("late")))
    await asyncio.to_thread(one.disk.wait_until_held)
    sharers.machine.passed_ms += TTL_MS
    await other.ask(receive("stolen"))
    one.disk.let_go()
    (answer,) = await asyncio.gather(late, return_exceptions=True)
    return sharers.keys_in_the_log() == {"stolen": 1} | (
        {"late": 1} if isinstance(answer, Outcome) else {}
    )


async def is_one_stock(sharers: Sharers) -> bool:
    """Whether two processes that sell at the same time sell each unit once, and lose no sale."""
    one = await sharers.start("one")
    received = [one.ask(receive(f"in-{number}")) for number in range(4)]
    await asyncio.gather(*received, return_exceptions=True)
    other = await sharers.start("other")
    asked = [each.ask(ship(f"out-{number}")) for number in range(6) for each in (one, other)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    sold = [
        f"out-{number // 2}"
        for number, answer in enumerate(answers)
        if isinstance(answer, Outcome) and not answer.replayed
    ]
    try:
        found = sharers.keys_in_the_log()
    except JournalError:
        return False
    return len(sold) == 4 and all(found[key] == 1 for key in sold)


def no_fencing_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "is_mine", lambda _: True)


def released_early(patch: pytest.MonkeyPatch) -> None:
    """The lease is given back while the flush is under way."""
    begin = Turns.begin

    async def begin_and_give_back(turns: Turns, wait_s: float | None = None) -> None:
        await begin(turns, wait_s)
        asyncio.get_running_loop().call_soon(turns._give_back, turns._turn_end())

    patch.setattr(Turns, "begin", begin_and_give_back)


def no_catching_up(patch: pytest.MonkeyPatch) -> None:
    """The place in the journal is taken over, and what is in it is not."""

    def only_move(following: Following, news: News) -> None:
        following._journal.follow(news)

    patch.setattr(Following, "take_over", only_move)


async def test_without_a_bug_both_hold(sharers: Sharers, tmp_path: Path) -> None:
    assert await is_kept_when_robbed(sharers)
    more = Sharers(tmp_path / "more")
    try:
        assert await is_one_stock(more)
    finally:
        await more.close()


async def test_a_missing_fencing_check_is_seen(
    sharers: Sharers, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_fencing_check(monkeypatch)
    assert not await is_kept_when_robbed(sharers)


async def test_a_lease_that_is_given_back_before_the_flush_is_seen(
    sharers: Sharers, monkeypatch: pytest.MonkeyPatch
) -> None:
    released_early(monkeypatch)
    assert not await is_one_stock(sharers)


async def test_deciding_without_catching_up_is_seen(
    sharers: Sharers, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_catching_up(monkeypatch)
    assert not await is_one_stock(sharers)
