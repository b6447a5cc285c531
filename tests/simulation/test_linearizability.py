"""Eight callers who compete, with faults: to each SKU it is as if they had come one by one."""

from collections import Counter
from typing import Final

import pytest

from tests.simulation.campaign import Effort
from tests.simulation.histories import Sku, answers, histories_of
from tests.support.linearizability import is_linearizable

HISTORIES: Final = 80
HISTORIES_OF_A_CAMPAIGN: Final = 2_000
_PART: Final = 50


def compete(seeds: range) -> Counter[str]:
    """Check the history of each SKU of each seed."""
    told: Counter[str] = Counter()
    for seed in seeds:
        try:
            world, by_sku = histories_of(seed)
            for sku, calls in by_sku.items():
                assert is_linearizable(calls, Sku(), answers), f"{sku} was not one thing"
        except BaseException:
            print(f"again with: --seed {seed}")
            raise
        told.update(histories=1, faults=sum(world.trouble.struck.values()))
        for calls in by_sku.values():
            told["calls"] += len(calls)
            told["of unknown end"] += sum(call.ended is None for call in calls)
    return told


def test_of_callers_who_compete_each_sees_one_history(seed: int) -> None:
    told = compete(range(seed, seed + HISTORIES))
    assert min(told[what] for what in ("faults", "calls", "of unknown end")) > 0


@pytest.mark.campaign
@pytest.mark.timeout(0)
def test_many_more_histories_are_linearizable(seed: int, pytestconfig: pytest.Config) -> None:
    told: Counter[str] = Counter()
    for part in Effort.of(pytestconfig).spend(compete, seed, HISTORIES_OF_A_CAMPAIGN, _PART):
        told += part
    print(f"seeds {seed} to {seed + told['histories'] - 1}: {dict(told)}")
    assert told["calls"]
