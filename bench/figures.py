"""The arithmetic of the bench: samples to figures, figures against targets.

Two loads are compared round by round: within one round both met the machine in nearly the same
mood, so a ratio is taken per round, and the median of the ratios is what counts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, Self


@dataclass(frozen=True)
class Target:
    """What a figure must reach: `at least` (the bound is enough) or `below` (it is not)."""

    sense: Literal["at least", "below"]
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether the value is on the right side of the bound."""
        return value >= self.bound if self.sense == "at least" else value < self.bound


@dataclass(frozen=True)
class Figure:
    """One measured number. `low` and `high` are the range over the rounds, where there were any."""

    key: str
    title: str
    unit: str
    value: float
    low: float | None = None
    high: float | None = None
    target: Target | None = None

    @classmethod
    def over_rounds(
        cls,
        key: str,
        title: str,
        unit: str,
        samples: Sequence[float],
        target: Target | None = None,
    ) -> Self:
        """Make a figure of one sample a round: their median, and their range."""
        return cls(key, title, unit, median(samples), min(samples), max(samples), target)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Read a figure of a result file."""
        target = fields["target"]
        return cls(**{**fields, "target": None if target is None else Target(**target)})

    @property
    def is_met(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        return None if self.target is None else self.target.is_met(self.value)


def paired_ratios(above: Mapping[int, float], below: Mapping[int, float]) -> list[float]:
    """Divide two series that are keyed by round.

    Raises:
        ValueError: a round is missing from one of them, so that nothing pairs with it.
    """
    if above.keys() != below.keys():
        raise ValueError(f"rounds {sorted(above)} do not pair with rounds {sorted(below)}")
    return [above[number] / below[number] for number in sorted(above)]


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` of all samples do not exceed (nearest rank).

    Raises:
        ValueError: there are no samples, or no such percentage.
    """
    if not samples or not 0 <= percent <= 100:
        raise ValueError(f"no percentile {percent} of {len(samples)} samples")
    rank = math.ceil(percent / 100 * len(samples))
    return sorted(samples)[max(rank, 1) - 1]
