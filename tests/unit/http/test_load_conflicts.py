"""A bulk load that another load of the same source overtakes."""

from collections.abc import Sequence

import pytest

from holdfast.domain.commands import Command
from holdfast.domain.records import Outcome
from holdfast.domain.rejections import Rejected
from holdfast.http.services import HttpConfig
from holdfast.ledger.port import Unavailable
from tests.contract.http.ndjson import lines, row, send
from tests.unit.http.memory_ledger import MemoryLedger
from tests.unit.http.world import World, problem_of


class Overtaken(MemoryLedger):
    """After some rows of a load, another load of it is at line 100."""

    def __init__(self, rows_first: int) -> None:
        super().__init__()
        self._rows_first = rows_first

    async def execute_many(
        self, commands: Sequence[Command], stop_when_unavailable: bool = False
    ) -> list[Outcome | Rejected | Unavailable]:
        assert stop_when_unavailable
        done = await super().execute_many(commands[: self._rows_first])
        overtaken = Rejected("version_conflict", "The load is at line 100.", {"mark": 100})
        return [*done, overtaken] if self._rows_first < len(commands) else done


ROWS: list[object] = [
    row("receive", qty=1, line=1),
    row("ship", qty=9, line=2),
    row("receive", qty=1, line=3),
    row("receive", qty=1, line=4),
]


@pytest.mark.parametrize(("rows_first", "statuses"), [(1, [200, 0, 0, 0]), (3, [200, 409, 200, 0])])
async def test_a_load_that_is_overtaken_leaves_the_rest_undecided(
    rows_first: int, statuses: list[int]
) -> None:
    world = World(Overtaken(rows_first), HttpConfig(rate_limit_rps=0))
    done = lines(await send(world, ROWS, "?source=l&after=0"))
    assert [each["status"] for each in done] == statuses
    assert done[-1] == {"status": 0}
    await world.close()


async def test_a_load_that_is_overtaken_at_once_is_refused() -> None:
    world = World(Overtaken(0), HttpConfig(rate_limit_rps=0))
    told = problem_of(await send(world, ROWS, "?source=l&after=0"), 409, "version_conflict")
    assert told["details"] == {"mark": 100}
    await world.close()
