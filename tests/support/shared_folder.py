"""What the processes of a shared folder are asked in tests, and one that stands still."""

import asyncio
from typing import Any

from holdfast.domain.records import Outcome
from holdfast.ledger.port import Reading
from tests.support.opened import stock_of
from tests.support.sharers import Sharer
from tests.support.steps import Step, step

RECEIVE = step("receive", store="S", sku="A", qty=10)
HOLD: dict[str, Any] = {"store": "S", "user": "U", "lines": [("A", 7)]}


def receive(key: str, qty: int = 1) -> Step:
    return step("receive", key, store="S", sku="A", qty=qty)


def on_hand(outcome: Outcome | Reading) -> int:
    return (
        stock_of(outcome).on_hand if not isinstance(outcome, Outcome) else outcome.stock[0].on_hand
    )


async def stand_still_in_a_flush(
    sharer: Sharer, where: str, asked: Step
) -> "asyncio.Task[Outcome]":
    """Send a request, and stop the process's disk in the middle of the flush."""
    sharer.disk.hold(where)
    task = asyncio.create_task(sharer.ask(asked))
    await asyncio.to_thread(sharer.disk.wait_until_held)
    return task
