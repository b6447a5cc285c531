"""A disk on which faults come by chance, drawn from a seed."""

import random
import re
from collections import Counter
from typing import Final

from tests.unit.journal.simulated_disk import Action, Fault, SimulatedDisk

_TEMPORARY: Final = re.compile(r"\.\d+\.tmp$")
_ACTIONS: Final[dict[Action, int]] = {"error": 5, "short": 2, "kill_before": 1, "kill_after": 1}
_FULL_FOR_MAX: Final = 30


class Weather(Fault):
    """Lets operations fail by chance.

    Whether one fails, and how, depends on the seed, its name, and how often it was met before;
    not on the order in which the threads of a process come to their operations. A full disk is
    full for some operations in a row.
    """

    def __init__(self, disk: SimulatedDisk, seed: str, rate: float) -> None:
        super().__init__(0, "error")
        self._disk = disk
        self._seed = seed
        self._rate = rate
        self._met: Counter[str] = Counter()
        self._full_for = 0

    def strikes(self, number: int) -> bool:
        operation = _TEMPORARY.sub(".tmp", self._disk.log[number - 1])
        self._met[operation] += 1
        if self._full_for > 0:
            self._full_for -= 1
            self.action = "short"
            return True
        rng = random.Random(f"{self._seed} {operation} {self._met[operation]}")
        if rng.random() >= self._rate:
            return False
        (self.action,) = rng.choices(list(_ACTIONS), list(_ACTIONS.values()))
        if self.action == "short" and rng.random() < 0.5:
            self._full_for = rng.randint(1, _FULL_FOR_MAX)
        self.struck = True
        return True
