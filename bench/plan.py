"""What a run measures, and how much of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bench.rounds import Pace

#: The parts of a run, in order. The disk is always measured.
PARTS: Final = (
    "reserve",
    "read",
    "menu",
    "pizzas",
    "sqlite",
    "redis",
    "postgres",
    "batch",
    "defaults",
    "recovery",
    "million",
)

#: Told what is being done.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much is measured. What the warm-up shows is thrown away."""

    pace: Pace
    warm_s: int
    latency_s: int
    #: Events of the journal that is recovered, and stock records of the large store.
    events: int = 1_000_000
    records: int = 1_000_000
    #: Months of the pizza place's year.
    months: int = 12
    parts: frozenset[str] = frozenset(PARTS)

    def to_json(self) -> dict[str, Any]:
        """The plan as a result file shows it."""
        return {**vars(self), "pace": vars(self.pace), "parts": sorted(self.parts)}
