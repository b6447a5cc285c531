"""Two processes on one folder, and whatever may happen to one of them in its turn."""

import asyncio
import fcntl
from pathlib import Path
from typing import Any

import pytest

from holdfast.domain.records import Outcome
from holdfast.domain.rejections import Rejected
from holdfast.journal.faulty_disk import FaultRule
from holdfast.ledger.port import Unavailable
from tests.support.shared_folder import RECEIVE, on_hand, receive, stand_still_in_a_flush
from tests.support.sharers import TTL_MS, Sharers
from tests.support.steps import step


async def test_each_sees_at_once_what_the_other_was_answered(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    for expected in range(1, 21):
        asked, looks = (one, other) if expected % 2 else (other, one)
        await asked.ask(receive(f"key-{expected}"))
        reading = await looks.ledger.read()
        assert on_hand(reading) == expected
        assert reading.exact


async def test_decisions_of_both_are_made_on_one_stock(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    await one.ask(RECEIVE)
    asked = [
        each.ask(step("ship", f"{number}", store="S", sku="A", qty=1))
        for number, each in enumerate([one, other] * 8)
    ]
    results = await asyncio.gather(*asked, return_exceptions=True)
    sold = [result for result in results if isinstance(result, Outcome)]
    refused = [result for result in results if isinstance(result, Rejected)]
    assert (len(sold), len(refused)) == (10, 6)
    assert {no.code for no in refused} == {"insufficient_stock"}
    assert on_hand(await one.ledger.read()) == on_hand(await other.ledger.read()) == 0


async def test_a_key_used_in_both_at_once_is_decided_once(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    asked = [each.ask(receive(f"key-{key}")) for key in range(10) for each in (one, other)]
    outcomes = await asyncio.gather(*asked)
    for first, second in zip(outcomes[::2], outcomes[1::2], strict=True):
        assert first.stock == second.stock
        assert {first.replayed, second.replayed} == {False, True}
    assert sharers.keys_in_the_log() == {f"key-{key}": 1 for key in range(10)}


async def test_many_commands_at_once_share_turns_with_those_of_the_other(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    asked = [each.ask(receive(f"{number}")) for number in range(100) for each in (one, other)]
    await asyncio.gather(*asked, return_exceptions=True)
    again = [each.ask(receive(f"{number}")) for number in range(100) for each in (one, other)]
    await asyncio.gather(*again)
    assert sharers.keys_in_the_log() == {f"{number}": 1 for number in range(100)}
    assert on_hand(await other.ledger.read()) == 100


async def test_while_one_stands_still_in_its_turn_the_other_says_lease_held(
    sharers: Sharers,
) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    late = await stand_still_in_a_flush(one, "write", receive("first"))
    with pytest.raises(Unavailable, match="Another process") as no:
        await other.ask(receive("second"))
    assert (no.value.code, no.value.retry_after_ms) == ("lease_held", 300)
    assert other.counted["lockContended"] == 1
    assert "second" not in sharers.keys_in_the_log()
    one.disk.let_go()
    assert on_hand(await late) == 1


async def test_a_robbed_process_that_had_not_written_writes_nothing(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    await one.ask(receive("before"))
    late = await stand_still_in_a_flush(one, "write", receive("late"))
    sharers.machine.passed_ms += TTL_MS
    assert on_hand(await other.ask(receive("stolen"))) == 2
    assert other.counted["lockStolen"] == 1
    await other.ask(receive("more"))
    one.disk.let_go()
    with pytest.raises(Unavailable) as no:
        await late
    assert no.value.code == "journal_unavailable"
    assert one.counted["lockFenced"] == 1
    assert sharers.keys_in_the_log() == {"before": 1, "stolen": 1, "more": 1}
    # It goes on by itself, with all that the other wrote; whoever repeats the request is served.
    assert on_hand(await one.ask(receive("late"))) == 4
    assert sharers.keys_in_the_log()["late"] == 1


async def test_a_robbed_process_does_not_acknowledge_what_it_had_synced(sharers: Sharers) -> None:
    """It may count: whoever took over read the journal behind the sync. Its key tells."""
    one, other = await sharers.start("one"), await sharers.start("other")
    late = await stand_still_in_a_flush(one, "synced", receive("late"))
    sharers.machine.passed_ms += TTL_MS
    assert on_hand(await other.ask(receive("stolen"))) == 2
    one.disk.let_go()
    with pytest.raises(Unavailable) as no:
        await late
    assert no.value.code == "journal_unavailable"
    assert (await one.ask(receive("late"))).replayed
    assert sharers.keys_in_the_log() == {"late": 1, "stolen": 1}


async def test_who_waited_behind_a_lost_flush_is_decided_again(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    late = await stand_still_in_a_flush(one, "write", receive("late"))
    behind = asyncio.create_task(one.ask(receive("behind")))
    await asyncio.to_thread(one.disk.wait_until_held)
    sharers.machine.passed_ms += TTL_MS
    await other.ask(receive("stolen", 5))
    one.disk.let_go()
    with pytest.raises(Unavailable):
        await late
    assert on_hand(await behind) == 6
    assert sharers.keys_in_the_log() == {"stolen": 1, "behind": 1}


async def test_a_reader_of_a_robbed_process_sees_what_the_robber_wrote(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    late = await stand_still_in_a_flush(one, "write", receive("late"))
    sharers.machine.passed_ms += TTL_MS
    await other.ask(receive("stolen", 5))
    assert on_hand(await one.ledger.read()) == 5
    one.disk.let_go()
    await asyncio.gather(late, return_exceptions=True)


async def test_a_lease_is_renewed_while_a_flush_takes_long(tmp_path: Path) -> None:
    sharers = Sharers(tmp_path, ttl_ms=700)
    try:
        one, other = await sharers.start("one"), await sharers.start("other")
        slow = await stand_still_in_a_flush(one, "write", receive("slow"))
        for _ in range(2):
            with pytest.raises(Unavailable, match="Another process"):
                await other.ask(receive("impatient"))
        one.disk.let_go()
        assert on_hand(await slow) == 1
        assert (other.counted["lockStolen"], one.counted["lockFenced"]) == (0, 0)
    finally:
        await sharers.close()


async def test_a_process_that_stands_still_in_the_guard_is_said_plainly(sharers: Sharers) -> None:
    one = await sharers.start("one")
    await one.ask(receive("before"))
    with sharers.lease_file.open("rb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with pytest.raises(Unavailable, match="stands still") as no:
            await one.ask(receive("never"))
        assert no.value.code == "lease_held"
    assert on_hand(await one.ask(receive("later"))) == 2


@pytest.mark.parametrize("content", [None, b"", b"noise", b"\0" * 320], ids=str)
async def test_a_lease_file_that_is_gone_or_damaged_loses_nothing(
    sharers: Sharers, content: bytes | None
) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    for number in range(6):
        await one.ask(receive(f"one-{number}"))
        if content is None:
            sharers.lease_file.unlink()
        else:
            sharers.lease_file.write_bytes(content)
        await other.ask(receive(f"other-{number}"))
    assert on_hand(await one.ledger.read()) == 12
    assert set(sharers.keys_in_the_log().values()) == {1}


@pytest.mark.parametrize("where", ["write", "synced"])
async def test_a_lease_file_that_vanishes_in_the_middle_of_a_turn_fences_whoever_had_it(
    sharers: Sharers, where: str
) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    late = await stand_still_in_a_flush(one, where, receive("late"))
    sharers.lease_file.unlink()
    await other.ask(receive("other"))
    one.disk.let_go()
    with pytest.raises(Unavailable):
        await late
    await one.ask(receive("late"))
    assert sharers.keys_in_the_log() == {"late": 1, "other": 1}


@pytest.mark.parametrize("op", ["open", "write", "fdatasync", "rename"])
@pytest.mark.parametrize("action", ["eio", "short"])
async def test_a_disk_that_fails_one_process_fails_no_other(
    sharers: Sharers, op: Any, action: Any
) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    await one.ask(receive("before"))
    one.disk.set_rules([FaultRule(op, action, times=None)])
    asked = receive("failed")
    results = await asyncio.gather(one.ask(asked), return_exceptions=True)
    known = isinstance(results[0], Outcome)
    assert known or isinstance(results[0], Unavailable), results
    assert isinstance(await other.ask(receive("other")), Outcome)
    one.disk.set_rules([])
    await (await sharers.start("third")).ask(asked)
    assert sharers.keys_in_the_log() == {"before": 1, "failed": 1, "other": 1}


async def test_a_process_whose_disk_failed_comes_back_by_itself(sharers: Sharers) -> None:
    one, other = await sharers.start("one"), await sharers.start("other")
    one.disk.set_rules([FaultRule("fdatasync", "eio", times=1)])
    with pytest.raises(Unavailable):
        await one.ask(receive("failed"))
    await other.ask(receive("other"))
    async with asyncio.timeout(20):
        while not one.ledger.writable:
            # Its probe is a turn like any other.
            await other.ledger.events(other.ledger.last_sequence, 1, 0.05)
    await one.ask(receive("failed"))
    assert sharers.keys_in_the_log() == {"failed": 1, "other": 1}
