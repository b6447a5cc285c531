"""Requests that wait for their batch without a task."""

import asyncio
import gc
from pathlib import Path

from uvicorn.server import ServerState

from holdfast.domain.commands import Command
from holdfast.domain.records import Outcome
from holdfast.http.exchange import Exchange
from holdfast.journal import JournalError, NotWritten, Shared
from holdfast.ledger.port import Unavailable
from tests.contract.http.connections import LIVENESS, PATIENT, Shop, receive, serving
from tests.unit.http.memory_ledger import MemoryLedger

READ = b"GET /stock HTTP/1.1\r\nhost: testserver\r\n\r\n"


class FlushingLedger(MemoryLedger):
    """Decides when the batch under way lands."""

    def __init__(self) -> None:
        super().__init__()
        self.batch = Shared(loop=asyncio.get_running_loop())
        self.asked = asyncio.Semaphore(0)

    async def execute(self, command: Command) -> Outcome:
        self.asked.release()
        try:
            await self.batch
        except JournalError:
            raise Unavailable("journal_unavailable", "The disk failed.", 1000) from None
        return await super().execute(command)


async def test_all_who_wait_for_a_batch_are_answered_when_it_lands() -> None:
    ledger = FlushingLedger()
    async with serving(PATIENT, ledger) as shop:
        async with shop.connection() as one, shop.connection() as other:
            await one.send(READ)  # The first request of all finds the tenant, in a task.
            assert (await one.hear()).status == 200
            for connection in (one, other):
                await connection.send(receive(1))
                await ledger.asked.acquire()
            assert not _state(shop).tasks
            ledger.batch.succeed()
            heard = [await one.hear(), await other.hear()]
        assert [each.status for each in heard] == [200, 200]
        assert sorted(each.json["onHand"] for each in heard) == [1, 2]


async def test_all_who_wait_for_a_batch_that_fails_are_told() -> None:
    ledger = FlushingLedger()
    async with serving(PATIENT, ledger) as shop:
        async with shop.connection() as one, shop.connection() as other:
            for connection in (one, other):
                await connection.send(receive(1))
                await ledger.asked.acquire()
            ledger.batch.fail(
                NotWritten("flush", Path("journal"), cause="no room", hint="Make room")
            )
            codes = [(await each.hear()).json["code"] for each in (one, other)]
        assert codes == ["journal_unavailable"] * 2
        assert ledger.last_sequence == 0


async def test_what_comes_behind_a_waiting_request_is_answered_behind_it() -> None:
    ledger = FlushingLedger()
    async with serving(PATIENT, ledger) as shop, shop.connection() as connection:
        await connection.send(receive(1) + LIVENESS, LIVENESS)
        await ledger.asked.acquire()
        ledger.batch.succeed()
        heard = [await connection.hear() for _ in range(3)]
        assert ["onHand" in each.json for each in heard] == [True, False, False]


async def test_a_client_that_leaves_meanwhile_leaves_nothing_behind_but_its_write() -> None:
    ledger = FlushingLedger()
    async with serving(PATIENT, ledger) as shop:
        gc.collect()
        gc.disable()
        try:
            async with shop.connection() as connection:
                await connection.send(receive(1))
                await ledger.asked.acquire()
                _abort_all(shop)
                while shop.door._connections:  # noqa: ASYNC110 - the door tells nobody
                    await asyncio.sleep(0)
            ledger.batch.succeed()
            while ledger.last_sequence == 0:  # noqa: ASYNC110 - the ledger tells nobody
                await asyncio.sleep(0)
            if others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others)
            assert not [each for each in gc.get_objects() if type(each) is Exchange]
        finally:
            gc.enable()
        lines = [line for line in shop.world.log_lines() if line["event"] == "request"]
        assert [line["status"] for line in lines] == [200]


def _abort_all(shop: Shop) -> None:
    for each in list(shop.door._connections):
        each.transport.abort()


def _state(shop: Shop) -> ServerState:
    return next(iter(shop.door._connections)).server_state
