"""The arithmetic of the bench: samples to figures, figures against targets.

Two loads are compared round by round: within one round both met the machine in nearly the same
mood, so a ratio is taken per round, and the median of the ratios is what counts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, Literal, Self


@dataclass(frozen=True)
class Target:
    """What a figure must reach: `at least`, `at most` (the bound is enough) or `below` (not)."""

    sense: Literal["at least", "at most", "below"]
    bound: float

    def is_met(self, value: float) -> bool:
        """Whether the value is on the right side of the bound."""
        if self.sense == "below":
            return value < self.bound
        return value >= self.bound if self.sense == "at least" else value <= self.bound

    def reached(self, value: float) -> float:
        """How far a value gets: 1 is the bound itself, 2 is twice as good, 0.5 half as good."""
        return value / self.bound if self.sense == "at least" else self.bound / max(value, 1e-9)


@dataclass(frozen=True)
class Figure:
    """One number. `low` and `high` are the range over the rounds, where there were any.

    Figures of one load share a `group`, which names it.

    One that could not be measured has no value, and `note` says why.
    """

    key: str
    title: str
    unit: str
    value: float | None
    low: float | None = None
    high: float | None = None
    target: Target | None = None
    note: str = ""
    group: str = ""

    @classmethod
    def over_rounds(
        cls,
        key: str,
        title: str,
        unit: str,
        samples: Sequence[float],
        target: Target | None = None,
        *,
        group: str = "",
    ) -> Self:
        """Make a figure of one sample a round: their median, and their range."""
        low, high = min(samples), max(samples)
        return cls(key, title, unit, median(samples), low, high, target, group=group)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Read a figure of a result file."""
        target = fields["target"]
        return cls(**{**fields, "target": None if target is None else Target(**target)})

    @property
    def name(self) -> str:
        """The title, with its load's name where it belongs to one."""
        return f"{self.group}: {self.title}" if self.group else self.title

    @property
    def typical(self) -> float | None:
        """The value; but of worst answers the worst of all rounds, not the median of them."""
        return self.high if self.title == "worst" and self.high is not None else self.value

    @property
    def is_met(self) -> bool | None:
        """Whether the target is reached; None where there is none, or nothing was measured."""
        if self.target is None or self.value is None:
            return None
        return self.target.is_met(self.value)


def paired_ratios(above: Mapping[int, float], below: Mapping[int, float]) -> list[float]:
    """Divide two series that are keyed by round.

    Raises:
        ValueError: a round is missing from one of them, so that nothing pairs with it.
    """
    if above.keys() != below.keys():
        raise ValueError(f"rounds {sorted(above)} do not pair with rounds {sorted(below)}")
    return [above[number] / below[number] for number in sorted(above)]


#: The percentiles that every load is described by, and what they are called.
SPREAD: Final = (("p50", 50), ("p95", 95), ("p99", 99), ("worst", 100))


def latency_figures(
    key: str, group: str, samples_ms: Sequence[float], targets: Mapping[str, Target] | None = None
) -> list[Figure]:
    """Make the figures of a load's latencies; `targets` are by the name of the percentile."""
    wanted = targets or {}
    return [
        Figure(
            f"{key}_{name}_ms",
            name,
            "ms",
            percentile(samples_ms, percent),
            target=wanted.get(name),
            group=group,
        )
        for name, percent in SPREAD
    ]


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least `percent` of all samples do not exceed (nearest rank).

    Raises:
        ValueError: there are no samples, or no such percentage.
    """
    if not samples or not 0 <= percent <= 100:
        raise ValueError(f"no percentile {percent} of {len(samples)} samples")
    rank = math.ceil(percent / 100 * len(samples))
    return sorted(samples)[max(rank, 1) - 1]


def latencies_of(figures: list[Figure]) -> dict[str, list[float]]:
    """The percentiles of each load that has all of them: its name to p50, p95, p99, worst, in ms."""
    found: dict[str, dict[str, float]] = {}
    for figure in figures:
        if figure.group and figure.typical is not None:
            found.setdefault(figure.group, {})[figure.title] = figure.typical
    names = [name for name, _ in SPREAD]
    return {
        load: [of[name] for name in names] for load, of in found.items() if of.keys() >= {*names}
    }


def reached(figure: Figure) -> tuple[float, float, float] | None:
    """The figure and both ends of its range as multiples of the target; None if not measured."""
    if figure.value is None or figure.target is None:
        return None
    ends = [figure.value if end is None else end for end in (figure.low, figure.high)]
    low, high = sorted(map(figure.target.reached, ends))
    return figure.target.reached(figure.value), low, high
