"""What is counted.

The JSON counters and the Prometheus text show the same numbers.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

_COUNTERS: Final = {
    "requests": "Requests answered.",
    "errors": "Requests answered with a 5xx status.",
    "conflicts": "Requests refused because the record has another version by now.",
    "idempotentHits": "Requests answered with the remembered answer of an earlier one.",
    "rateLimited": "Requests refused because one client asked too much.",
    "shed": "Requests refused because all places and the queue were full.",
    "breakerOpen": "Times that a circuit breaker opened.",
    "breakerHalfOpen": "Times that a circuit breaker let a probe through.",
    "breakerClosed": "Times that a circuit breaker closed again.",
    "fsRetries": "Operations on files that were tried again.",
    "snapshots": "Snapshots of the central model written.",
    "checkpoints": "Checkpoints written.",
    "events": "Events made durable since the start.",
    "flushes": "Times that gathered events were written and synced together.",
    "flushMs": "Milliseconds that the disk took for them.",
    "tenantsOpened": "Times that a tenant's ledger was opened.",
    "tenantsClosed": "Times that one was closed.",
    "lockAcquired": "Leases taken.",
    "lockContended": "Leases that another process held.",
    "lockStolen": "Leases taken over from a process past its deadline, or dead.",
    "lockFenced": "Turns that lost their lease; what was not flushed by then was not written.",
    "logLinesLost": "Lines of the log that nobody took, or that could not be written.",
}

_BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)


class _Durations:
    """How long the answers of one route took: a count for each bucket, and the sum."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS_S) + 1)
        self.sum_s = 0.0

    def buckets(self) -> list[tuple[str, float]]:
        """Return the buckets as Prometheus wants them: each counts what the ones before count."""
        bounds = [*map(str, _BUCKETS_S), "+Inf"]
        return list(zip(bounds, accumulate(self.counts), strict=True))


class Metrics(Collector):
    """The process's counters. Other parts count through `add`, so they need not know this class.

    Counting is adding to plain numbers on the event loop. The library is asked when somebody
    looks, not at every request: it locks each number, and that costs more than all the rest.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._totals = dict.fromkeys(_COUNTERS, 0)
        self._watched: dict[str, Callable[[], int]] = {}
        self._answers: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._durations: defaultdict[str, _Durations] = defaultdict(_Durations)
        self.watch("requests", lambda: sum(self._answers.values()))
        self.watch("errors", self._errors)
        self.registry.register(self)

    def add(self, name: str, amount: int = 1) -> None:
        """Count something by its name in the JSON form, such as `breakerOpen`."""
        self._totals[name] += amount

    def watch(self, name: str, total: Callable[[], int]) -> None:
        """Ask for a counter's value, when somebody looks, where it is counted already."""
        self._watched[name] = total

    def answered(self, route: str, status: int, duration_s: float) -> None:
        """Count one answer."""
        self._answers[route, status] += 1
        durations = self._durations[route]
        durations.counts[bisect_left(_BUCKETS_S, duration_s)] += 1
        durations.sum_s += duration_s

    def _errors(self) -> int:
        return sum(count for (_, status), count in self._answers.items() if status >= 500)

    def counters(self) -> dict[str, int]:
        """Return every counter by its name in the JSON form."""
        return self._totals | {name: total() for name, total in self._watched.items()}

    def collect(self) -> Iterator[Metric]:
        """Give the registry everything as it is now."""
        totals = self.counters()
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"holdfast_{_snake(name)}", text, value=totals[name])
        answers = CounterMetricFamily(
            "holdfast_http_answers", "Answers by route and status.", labels=("route", "status")
        )
        for (route, status), count in self._answers.items():
            answers.add_metric((route, str(status)), count)
        yield answers
        durations = HistogramMetricFamily(
            "holdfast_http_duration_seconds",
            "Time from the first byte of a request to the last of its answer.",
            labels=("route",),
        )
        for route, of_route in self._durations.items():
            durations.add_metric((route,), of_route.buckets(), of_route.sum_s)
        yield durations

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return everything in the text format that `accept` asks for, and its media type."""
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # a version that is no version
            encode, content_type = choose_encoder("text/plain")
        return encode(self.registry), content_type


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)
