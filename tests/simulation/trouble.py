"""What goes wrong, and when: drawn from the seed, counted, and known to the judge of a run."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.simulation.machine import NS_PER_MS, SimClock
from tests.simulation.mount import Operation, Verdict

#: One operation of these fails once, in this way.
_ONCE: Final[dict[str, tuple[frozenset[str], tuple[Verdict, ...]]]] = {
    "write_error": (frozenset({"write"}), ("eio",)),
    "short_write": (frozenset({"write"}), ("short",)),
    "sync_error": (frozenset({"fdatasync", "fsync"}), ("eio",)),
    "open_error": (frozenset({"open"}), ("eio",)),
    "rename_error": (frozenset({"rename"}), ("eio",)),
    "unlink_error": (frozenset({"unlink"}), ("eio",)),
    "read_error": (frozenset({"read", "names"}), ("eio",)),
    "hang": (frozenset({"write", "fdatasync", "fsync"}), ("hang",)),
    "kill_at_operation": (
        frozenset({"write", "fdatasync", "fsync", "rename", "open", "unlink"}),
        ("kill_before", "kill_after"),
    ),
    "cut_at_operation": (
        frozenset({"write", "fdatasync", "fsync", "rename", "open", "unlink"}),
        ("cut_before", "cut_after"),
    ),
}
#: These last for a while.
_LASTING: Final = ("disk_full", "failing_syncs", "slow_disk")
#: And these are done to the machine, the process or the clock.
_DEEDS: Final = (
    *("kill", "power_cut", "restart", "kill_while_starting", "cut_while_starting"),
    *("clock_forward", "clock_back"),
)
#: What callers do is counted with the rest.
OF_CALLERS: Final = ("client_leaves", "client_cancelled")
KINDS: Final = (*_ONCE, *_LASTING, *_DEEDS, *OF_CALLERS)
#: What seldom finds an operation to strike is drawn more often.
_DRAWN: Final = (*_ONCE, *_LASTING, *_DEEDS, "read_error", *("unlink_error",) * 5)


class Trouble:
    """The faults of one run."""

    def __init__(
        self,
        rng: random.Random,
        clock: SimClock,
        count: int | None = None,
        kinds: Sequence[str] = (),
        within_ms: int = 4_000,
    ) -> None:
        self._rng = rng
        self._clock = clock
        count = rng.choice((0, 1, 1, 2, 2, 3, 4)) if count is None else count
        begin = clock.now_ns
        #: (instant, kind) of what is still to come.
        self.planned = sorted(
            (begin + rng.randrange(20, within_ms) * NS_PER_MS, rng.choice(kinds or _DRAWN))
            for _ in range(count)
        )
        self.struck: Counter[str] = Counter()
        #: When something was last wrong; 0 before anything was.
        self.last_ns = 0
        #: Since when something is wrong, as far as a caller can tell; None while nothing is.
        self.since_ns: int | None = None
        #: The times in which something was wrong.
        self.windows: list[tuple[int, int]] = []
        #: The longest time from the last fault to an answer to a write that was sent behind it.
        self.resumed_s = 0.0
        self._armed: list[str] = []
        self._in_start: list[tuple[int, Verdict]] = []
        self._full_until = self._failing_until = self._slow_until = 0

    # What the world tells.

    def arm(self, kind: str) -> None:
        """Let it happen: to an operation that comes, or from now on for a while."""
        if kind in _ONCE:
            self._armed.append(kind)
            return
        until = self._clock.now_ns + self._rng.randrange(500, 15_000) * NS_PER_MS
        if kind == "disk_full":
            self._full_until = until
        elif kind == "failing_syncs":
            self._failing_until = until
        else:
            self._slow_until = until
            self._count(kind, until)

    def arm_start(self, kind: str) -> None:
        """Let the next start die at one of its operations."""
        verdict: Verdict = "kill_before" if kind.startswith("kill") else "cut_before"
        self._in_start.append((self._rng.randrange(1, 40), verdict))

    def note(self, kind: str) -> None:
        """Something happened to the process or the machine."""
        self._count(kind, self._clock.now_ns)

    def note_harmless(self, kind: str) -> None:
        self.struck[kind] += 1

    def write_answered(self, sent_ns: int) -> None:
        """A write was decided that was sent at this instant: is all well again?"""
        if self.since_ns is not None and sent_ns >= self.last_ns:
            self.windows.append((self.since_ns, self._clock.now_ns))
            self.resumed_s = max(self.resumed_s, (self._clock.now_ns - self.last_ns) / 1e9)
            self.since_ns = None

    def meets(self, from_ns: int, to_ns: int) -> bool:
        """Whether something was wrong at any time between these instants."""
        windows = self.windows
        if self.since_ns is not None:
            windows = [*windows, (self.since_ns, self._clock.now_ns)]
        return any(begin <= to_ns and from_ns <= end for begin, end in windows)

    def meets_full_disk(self) -> bool:
        """Whether the disk is full; whoever asks has met it."""
        full = self._clock.now_ns < self._full_until
        if full:
            self._count("disk_full", self._full_until)
        return full

    @property
    def slow_factor(self) -> int:
        return 60 if self._clock.now_ns < self._slow_until else 1

    # What the disk asks.

    def strikes(self, operation: Operation, path: Path, starting: bool) -> Verdict | None:
        """What is wrong with this operation, if anything."""
        now = self._clock.now_ns
        if operation in {"write", "open"} and self.meets_full_disk():
            return "short"
        if now < self._failing_until and operation in {"fdatasync", "fsync"}:
            self._count("failing_syncs", self._failing_until)
            return "eio"
        if starting and self._in_start:
            left, verdict = self._in_start[0]
            if left > 1:
                self._in_start[0] = (left - 1, verdict)
            else:
                self._in_start.pop(0)
                how = "kill" if verdict == "kill_before" else "cut"
                self._count(f"{how}_while_starting", now)
                return verdict
        for kind in self._armed:
            operations, verdicts = _ONCE[kind]
            if operation in operations and self._rng.random() < 0.4:
                self._armed.remove(kind)
                self._count(kind, now + (20_000 * NS_PER_MS if kind == "hang" else 0))
                return self._rng.choice(verdicts)
        return None

    def _count(self, kind: str, until_ns: int) -> None:
        self.struck[kind] += 1
        if self.since_ns is None:
            self.since_ns = self._clock.now_ns
        self.last_ns = max(self.last_ns, until_ns)
