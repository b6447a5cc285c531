"""Long searches over seeds: in several processes, until their number or their time is up."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count, islice
from typing import NamedTuple, TypeVar

import pytest

T = TypeVar("T")


class Effort(NamedTuple):
    """How much of a search is wanted: which processes do it, and for how long at most."""

    workers: int
    minutes: float | None

    @classmethod
    def of(cls, config: pytest.Config) -> "Effort":
        """What `--workers` and `--minutes` say."""
        return cls(config.getoption("--workers"), config.getoption("--minutes"))

    def spend(
        self, work: Callable[[range], T], first: int, seeds: int, per_part: int
    ) -> Iterator[T]:
        """Do the work of `seeds` seeds from `first` on, some at a time; a failure ends it."""
        ends = None if self.minutes is None else time.monotonic() + self.minutes * 60
        parts = (
            range(begin, min(begin + per_part, first + seeds))
            for begin in islice(count(first, per_part), -(-seeds // per_part))
        )
        in_time = (part for part in parts if ends is None or time.monotonic() < ends)
        if self.workers == 1:
            yield from map(work, in_time)
            return
        with ProcessPoolExecutor(self.workers, multiprocessing.get_context("spawn")) as pool:
            under_way: set[Future[T]] = set()
            for part in in_time:
                under_way.add(pool.submit(work, part))
                if len(under_way) > self.workers:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    yield from (each.result() for each in done)
            yield from (each.result() for each in under_way)
