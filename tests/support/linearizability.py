"""Whether a history of calls that overlap can be explained by calls that happened one by one.

The search is that of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with the
memory of Lowe ("Testing for Linearizability", 2017): a call may come next when no call that is
still missing had ended before it began, and no set of calls is tried twice from the same state.
It knows nothing of stock, and shares no code with the product.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)

#: Steps of a search, at most; beyond them a history is undecided, which is no proof.
STEPS_MAX: Final = 2_000_000


class Done(NamedTuple):
    """One call: what was asked, what came back, and when.

    `ended` is None when nobody knows how it ended: then it may have happened at any time since it
    began, or not at all, and `result` says nothing.
    """

    began: int
    ended: int | None
    asked: Any
    result: Any = None


#: From a state and a call to the states that it may leave; none when its result is impossible.
Step = Callable[[S, Done], Iterable[S]]


class Undecided(Exception):
    """The search was given up: it says nothing about the history."""


def is_linearizable(
    calls: Sequence[Done], initial: S, step: Step[S], steps_max: int = STEPS_MAX
) -> bool:
    """Tell whether some order of the calls explains all results.

    Raises Undecided after `steps_max` steps.
    """
    ordered = sorted(calls, key=lambda call: call.began)
    needed = sum(1 << number for number, call in enumerate(ordered) if call.ended is not None)
    stack: list[tuple[int, S]] = [(0, initial)]
    tried: set[tuple[int, S]] = set(stack)
    steps = 0
    while stack:
        taken, state = stack.pop()
        if taken & needed == needed:
            return True
        for number in _next(ordered, taken):
            steps += 1
            if steps > steps_max:
                raise Undecided(f"after {steps_max} steps")
            for after in step(state, ordered[number]):
                found = (taken | 1 << number, after)
                if found not in tried:
                    tried.add(found)
                    stack.append(found)
    return False


def _next(ordered: Sequence[Done], taken: int) -> list[int]:
    """The calls that may come next: they began before any missing one had ended."""
    found: list[int] = []
    first_end: int | None = None
    for number, call in enumerate(ordered):
        if taken >> number & 1:
            continue
        if first_end is not None and call.began > first_end:
            break
        found.append(number)
        if call.ended is not None and (first_end is None or call.ended < first_end):
            first_end = call.ended
    return found
