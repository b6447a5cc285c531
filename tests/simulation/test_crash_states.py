"""What is left of the disk when the machine stops, at every moment of a run: all of it opens."""

from collections import Counter
from typing import Final

import pytest

from tests.simulation.campaign import Effort
from tests.simulation.crash import CrashStates

RUNS: Final = 2
STATES_OF_A_CAMPAIGN: Final = 200_000
#: A run gives about 1,400 states; there are more seeds than will be needed.
_RUNS_OF_A_CAMPAIGN: Final = 1_000


def search(seeds: range) -> CrashStates:
    """Meet the states of some runs."""
    states = CrashStates()
    for seed in seeds:
        try:
            states.search(seed)
        except BaseException:
            print(f"again with: --seed {seed}")
            raise
    return states


def test_every_crash_state_opens_with_all_that_was_acknowledged(seed: int) -> None:
    states = search(range(seed, seed + RUNS))
    assert len(states.met) > 200
    assert min(states.counts[kind] for kind in ("killed", "power cut", "power cut in a start")) > 0


@pytest.mark.campaign
@pytest.mark.timeout(0)
def test_many_more_crash_states_open(seed: int, pytestconfig: pytest.Config) -> None:
    met: set[bytes] = set()
    counts: Counter[str] = Counter()
    for part in Effort.of(pytestconfig).spend(search, seed, _RUNS_OF_A_CAMPAIGN, 1):
        met |= part.met
        counts += part.counts
        if len(met) >= STATES_OF_A_CAMPAIGN:
            break
    print(f"{len(met)} states of seeds {seed} to {seed + counts['runs'] - 1}: {dict(counts)}")
    assert met
