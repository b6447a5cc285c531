"""A ledger that a test can hold."""

import asyncio

from holdfast.domain.commands import Command
from holdfast.domain.records import Outcome
from tests.unit.http.memory_ledger import MemoryLedger


class HeldLedger(MemoryLedger):
    """Decides nothing before `gate` opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.asked = asyncio.Semaphore(0)

    async def execute(self, command: Command) -> Outcome:
        self.asked.release()
        await self.gate.wait()
        return await super().execute(command)
