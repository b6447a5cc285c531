"""The whole service short of its sockets, from one seed: faults, crashes, callers that leave.

A run fails when an answer contradicts the log, when the log contradicts the rules of stock, when
something acknowledged is missing or there twice, when a start refuses the folder, when writing is
not possible again in time, or when somebody waits for ever.
"""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import ROOT
from tests.simulation.campaign import Effort
from tests.simulation.trouble import KINDS
from tests.simulation.world import World

SEEDS: Final = 150
SEEDS_OF_A_CAMPAIGN: Final = 20_000
_PART: Final = 50


def simulate(seeds: range) -> Counter[str]:
    """Run a world for each seed; what was met, and in how many of them each kind of fault was."""
    told: Counter[str] = Counter()
    for seed in seeds:
        world = World(seed)
        try:
            world.run()
        except BaseException:
            print(f"again with: --seed {seed}")
            raise
        met, good = world.outside_faults()
        told.update(seeds=1, met=met, good=good, lives=world.lives, operations=world.operations)
        told["requests"] += sum(asked.tries for asked in world.asked)
        told.update(world.trouble.struck.keys())
    return told


def test_whatever_goes_wrong_the_service_keeps_its_promises(seed: int) -> None:
    told = simulate(range(seed, seed + SEEDS))
    assert told["good"] >= 0.995 * told["met"] > 0
    # Each kind comes to about one run in twenty, so of so few runs some may be without it.
    assert sum(told[kind] == 0 for kind in KINDS) <= 4


def test_a_seed_tells_everything_of_a_run(seed: int) -> None:
    """Also in another process, whose hashes and addresses are others."""
    runs = [World(seed), World(seed)]
    for world in runs:
        world.run()
    script = (
        "from tests.simulation.world import World\n"
        f"world = World({seed})\nworld.run()\nprint(world.trace.hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    told = subprocess.run(
        command, env=environment, cwd=Path(ROOT), capture_output=True, text=True, check=True
    )
    assert {world.trace.hexdigest() for world in runs} == {told.stdout.strip()}


@pytest.mark.campaign
@pytest.mark.timeout(0)
def test_many_more_seeds_keep_their_promises(seed: int, pytestconfig: pytest.Config) -> None:
    told: Counter[str] = Counter()
    for part in Effort.of(pytestconfig).spend(simulate, seed, SEEDS_OF_A_CAMPAIGN, _PART):
        told += part
    print(f"seeds {seed} to {seed + told['seeds'] - 1}: {dict(told)}")
    assert told["good"] >= 0.995 * told["met"] > 0
    rare = {kind: told[kind] for kind in KINDS if told[kind] < 0.01 * told["seeds"]}
    assert not rare
