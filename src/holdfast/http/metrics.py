"""What is counted. One registry feeds the JSON counters and the Prometheus text alike.

Children are looked up once and kept, because finding them by label costs more than counting.
"""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder

_COUNTERS: Final = {
    "requests": "Requests answered.",
    "errors": "Requests answered with a 5xx status.",
    "conflicts": "Requests refused because the record has another version by now.",
    "idempotentHits": "Requests answered with the remembered answer of an earlier one.",
    "rateLimited": "Requests refused because one client asked too much.",
    "shed": "Requests refused because all places and the queue were full.",
    "breakerOpen": "Times that a circuit breaker opened.",
    "fsRetries": "Operations on files that were tried again.",
    "snapshots": "Snapshots of the central model written.",
    "checkpoints": "Checkpoints written.",
    "lockAcquired": "Leases taken.",
    "lockContended": "Leases that another process held.",
    "lockStolen": "Leases taken over after their deadline.",
}

_BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)


class Metrics:
    """The process's counters. Other parts count through `add`, so they need not know this class."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {
            name: Counter(f"holdfast_{_snake(name)}", text, registry=self.registry)
            for name, text in _COUNTERS.items()
        }
        self._requests = self._counters["requests"]
        self._answers = Counter(
            "holdfast_http_answers",
            "Answers by route and status.",
            ("route", "status"),
            registry=self.registry,
        )
        self._durations = Histogram(
            "holdfast_http_duration_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("route",),
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self._answer_children: dict[tuple[str, int], Counter] = {}
        self._duration_children: dict[str, Histogram] = {}

    def add(self, name: str, amount: int = 1) -> None:
        """Count something by its name in the JSON form, such as `breakerOpen`."""
        self._counters[name].inc(amount)

    def answered(self, route: str, status: int, duration_s: float) -> None:
        """Count one answer."""
        self._requests.inc()
        answers = self._answer_children.get((route, status))
        if answers is None:
            answers = self._answers.labels(route, str(status))
            self._answer_children[route, status] = answers
        answers.inc()
        durations = self._duration_children.get(route)
        if durations is None:
            durations = self._duration_children[route] = self._durations.labels(route)
        durations.observe(duration_s)
        if status >= 500:
            self._counters["errors"].inc()

    def counters(self) -> dict[str, int]:
        """Return every counter by its name in the JSON form."""
        samples = {
            sample.name: sample.value
            for name in self._counters
            for metric in self._counters[name].collect()
            for sample in metric.samples
        }
        return {name: int(samples[f"holdfast_{_snake(name)}_total"]) for name in self._counters}

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return everything in the text format that `accept` asks for, and its media type."""
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # a version that is no version
            encode, content_type = choose_encoder("text/plain")
        return encode(self.registry), content_type


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)
