"""The simulator would notice: each bug that is planted in the service is found within few seeds."""

from collections.abc import Callable
from typing import Final

import pytest

from holdfast.journal import JournalCorrupt
from tests.simulation.bugs import BUGS_OF_CRASHES, BUGS_OF_HISTORIES, BUGS_OF_RUNS
from tests.simulation.crash import CrashStates
from tests.simulation.histories import Sku, answers, histories_of
from tests.simulation.planted import Bug, planted
from tests.simulation.world import World
from tests.support.linearizability import is_linearizable

#: The first seed; as nothing happens by chance, what it finds once it finds always.
FIRST: Final = 1
RUNS_MAX: Final = 120
CRASHES_MAX: Final = 6
HISTORIES_MAX: Final = 60
_FOUND: Final = (AssertionError, JournalCorrupt)


def seeds_until_found(bug: Bug, seeds: range, search: Callable[[int], None]) -> int:
    """How many seeds it takes; fails when none of them finds it."""
    with planted(bug):
        for number, seed in enumerate(seeds, start=1):
            try:
                search(seed)
            except _FOUND as found:
                print(f"{bug.name}: seed {seed}, {str(found)[:100]}")
                return number
    raise LookupError(f"{bug.name} is not found")


@pytest.fixture
def first(pytestconfig: pytest.Config) -> int:
    """Where the search begins: at a seed that is always the same, or at `--seed`."""
    given: int | None = pytestconfig.getoption("--seed")
    return FIRST if given is None else given


def names(bugs: tuple[Bug, ...]) -> list[str]:
    return [bug.name for bug in bugs]


@pytest.mark.parametrize("bug", BUGS_OF_RUNS, ids=names(BUGS_OF_RUNS))
def test_a_run_of_the_whole_service_finds(bug: Bug, first: int) -> None:
    def search(one: int) -> None:
        World(one, faults=3 if bug.faults else None, kinds=bug.faults).run()

    assert seeds_until_found(bug, range(first, first + RUNS_MAX), search)


@pytest.mark.parametrize("bug", BUGS_OF_CRASHES, ids=names(BUGS_OF_CRASHES))
def test_a_crash_state_shows(bug: Bug, first: int) -> None:
    # The second of two seeds has a fault of its own.
    assert seeds_until_found(
        bug, range(first, first + CRASHES_MAX), CrashStates(crashing_starts=0.5).search
    )


@pytest.mark.parametrize("bug", BUGS_OF_HISTORIES, ids=names(BUGS_OF_HISTORIES))
def test_no_order_explains(bug: Bug, first: int) -> None:
    def search(one: int) -> None:
        _, by_sku = histories_of(one, judged=False, kinds=bug.faults)
        assert all(is_linearizable(calls, Sku(), answers) for calls in by_sku.values())

    assert seeds_until_found(bug, range(first, first + HISTORIES_MAX), search)


def test_without_a_bug_nothing_is_found(first: int) -> None:
    World(first).run()
    CrashStates().search(first)
    _, by_sku = histories_of(first)
    assert all(is_linearizable(calls, Sku(), answers) for calls in by_sku.values())
