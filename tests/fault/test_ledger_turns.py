"""Whoever finds a key held waits in turn, and is decided on what is there by then."""

import asyncio
from pathlib import Path

from holdfast.domain.commands import Command, ConfirmReservation, ReserveStock
from holdfast.domain.records import RESERVATION, STOCK, Key, Line
from tests.fault.test_ledger_checkpoint import opened, receive

A: Key = (STOCK.name, "S1", "A")
HOLD: Key = (RESERVATION.name, "r1")


async def test_a_command_waits_for_its_key_and_not_for_others(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    await ledger._locks.take((A,))
    waiting = asyncio.ensure_future(receive(ledger, "S1"))
    await receive(ledger, "S2")
    assert not waiting.done()
    assert (await ledger.read()).get(STOCK, ("S1", "A")) is None
    ledger._locks.free((A,))
    await waiting
    record = (await ledger.read()).get(STOCK, ("S1", "A"))
    assert record is not None
    assert record.on_hand == 10
    await ledger.close()


async def test_a_command_whose_keys_changed_while_it_waited_starts_over(tmp_path: Path) -> None:
    """A confirm learns from the reservation which stock it touches."""
    ledger = await opened(tmp_path)
    await receive(ledger, "S1")
    await ledger._locks.take((HOLD,))
    confirm = Command(ConfirmReservation("r1", None), "e", "me", "r")
    waiting = asyncio.ensure_future(ledger.execute(confirm))
    reserve = ReserveStock("r1", "S1", None, (Line("A", 4),), None)
    await ledger.execute(Command(reserve, "e", "me", "r"))
    assert not waiting.done()
    ledger._locks.free((HOLD,))
    assert (await waiting).stock[0].on_hand == 6
    assert ledger._locks.all_free
    await ledger.close()


async def test_who_leaves_while_waiting_for_a_key_changes_nothing(tmp_path: Path) -> None:
    ledger = await opened(tmp_path)
    await ledger._locks.take((A,))
    waiting = asyncio.ensure_future(receive(ledger, "S1"))
    await receive(ledger, "S2")
    waiting.cancel()
    await asyncio.wait([waiting])
    ledger._locks.free((A,))
    await receive(ledger, "S1")
    assert ledger.last_sequence == 2
    assert ledger._locks.all_free
    await ledger.close()
