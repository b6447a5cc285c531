"""Many commands at once: decided in order, sharing flushes and the loop with everybody else."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from holdfast.domain.commands import Command
from holdfast.domain.records import Outcome
from holdfast.domain.rejections import Rejected
from holdfast.journal import JournalError
from holdfast.ledger.deciding import Decided
from holdfast.ledger.journal_guard import JournalGuard
from holdfast.ledger.port import Unavailable

#: How long many commands may be decided in one go before others get the loop.
SLICE_S: Final = 0.002


class ManyCommands:
    """Decides commands one after the other, and waits only then for what they rest on."""

    def __init__(
        self,
        decide_at_once: Callable[[Command], Decided | None],
        decide_in_turn: Callable[[Command], Awaitable[Decided]],
        guard: JournalGuard,
        stop_when_unavailable: bool,
    ) -> None:
        """Make it for one call.

        Args:
            decide_at_once: decides a command, or None when it has to take its turn.
            decide_in_turn: decides a command in its turn.
            guard: says why nothing can be decided.
            stop_when_unavailable: whether to end with the first of them that cannot be decided.
        """
        self._decide_at_once = decide_at_once
        self._decide_in_turn = decide_in_turn
        self._guard = guard
        self._stop_when_unavailable = stop_when_unavailable

    async def execute(self, commands: Sequence[Command]) -> list[Outcome | Rejected | Unavailable]:
        """Return one result per command; see the port."""
        results: list[Outcome | Rejected | Unavailable] = []
        for each in await self._decide(commands):
            results.append(each if isinstance(each, Unavailable) else await self._settled(each))
            if self._stop_when_unavailable and _ends_the_load(results[-1]):
                break
        return results

    async def _decide(self, commands: Sequence[Command]) -> list[Decided | Unavailable]:
        loop = asyncio.get_running_loop()
        decided: list[Decided | Unavailable] = []
        slice_ends = loop.time() + SLICE_S
        for command in commands:
            try:
                each: Decided | Unavailable = self._decide_at_once(
                    command
                ) or await self._decide_in_turn(command)
            except Unavailable as no:
                each = no
            decided.append(each)
            if self._stop_when_unavailable and _ends_the_load(each):
                break
            if loop.time() > slice_ends:
                await asyncio.sleep(0)
                slice_ends = loop.time() + SLICE_S
        return decided

    async def _settled(self, decided: Decided) -> Outcome | Rejected | Unavailable:
        try:
            if decided.rests_on is not None:
                await decided.rests_on
        except JournalError as error:
            kept = decided.may_be_kept(error)
            return self._guard.outcome_unknown() if kept else self._guard.read_only()
        return decided.answer


def _ends_the_load(result: Decided | Outcome | Rejected | Unavailable) -> bool:
    """Whether nothing behind it can be decided: the journal is away, or the load goes on elsewhere.

    A row that does not follow its source's mark says that somebody else loads the same source.
    """
    answer = result.answer if isinstance(result, Decided) else result
    lost_the_mark = isinstance(answer, Rejected) and "mark" in answer.data
    return lost_the_mark or isinstance(answer, Unavailable)
