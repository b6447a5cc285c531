"""Many commands at once: decided in order, sharing flushes and the loop with everybody else."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import perf_counter
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

#: Decides commands one after the other, until the function says that the slice is over.
DecideSlice = Callable[[Iterator[Command], Callable[[Decided], bool]], list[Decided]]


class ManyCommands:
    """Decides commands one after the other, and waits only then for what they rest on."""

    def __init__(
        self,
        decide_slice: DecideSlice,
        decide_in_turn: Callable[[Command], Awaitable[Decided]],
        guard: JournalGuard,
        stop_when_unavailable: bool,
    ) -> None:
        """Make it for one call.

        Args:
            decide_slice: decides commands at once; none, when they have to take their turns.
            decide_in_turn: decides a command in its turn.
            guard: says why nothing can be decided.
            stop_when_unavailable: whether to end with the first of them that cannot be decided.
        """
        self._decide_slice = decide_slice
        self._decide_in_turn = decide_in_turn
        self._guard = guard
        self._stop_when_unavailable = stop_when_unavailable
        self._slice_ends = 0.0

    async def execute(self, commands: Sequence[Command]) -> list[Outcome | Rejected | Unavailable]:
        """Return one result per command; see the port."""
        results: list[Outcome | Rejected | Unavailable] = []
        durable: asyncio.Future[None] | None = None
        for each in await self._decide(commands):
            if isinstance(each, Unavailable):
                results.append(each)
            elif each.rests_on is durable:
                results.append(each.answer)  # Its batch was waited for already, as nearly always.
            else:
                results.append(await self._settled(each))
                durable = each.rests_on if results[-1] is each.answer else None
            if self._stop_when_unavailable and _ends_the_load(results[-1]):
                break
        return results

    async def _decide(self, commands: Sequence[Command]) -> list[Decided | Unavailable]:
        decided: list[Decided | Unavailable] = []
        self._slice_ends = perf_counter() + SLICE_S
        left = iter(commands)
        while len(decided) < len(commands):
            at_once = self._decide_slice(left, self._is_over)
            decided += at_once or [await self._decide_next(left)]
            if self._stop_when_unavailable and _ends_the_load(decided[-1]):
                break
            if perf_counter() > self._slice_ends:
                await asyncio.sleep(0)
                self._slice_ends = perf_counter() + SLICE_S
        return decided

    def _is_over(self, decided: Decided) -> bool:
        """Whether a slice ends with this decision."""
        if self._stop_when_unavailable and _ends_the_load(decided):
            return True
        return perf_counter() > self._slice_ends

    async def _decide_next(self, left: Iterator[Command]) -> Decided | Unavailable:
        try:
            return await self._decide_in_turn(next(left))
        except Unavailable as no:
            return no

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
