"""Whether the process lives, whether it can work, and what it counted."""

from typing import Final

from holdfast.http.answer import Answer, json_answer
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.lanes import Lane
from holdfast.http.schemas import outputs

TAG: Final = "Health"


async def read_liveness(_: Call) -> Answer:
    """Say that the process lives."""
    return json_answer({"status": "ok"})


async def read_readiness(call: Call) -> Answer:
    """Say whether the process can take requests.

    Not ready is only a process that drains, or one in which no open tenant can write; a single
    sick tenant shows in `breakers`.
    """
    health = call.services.health
    ledgers = list(health.ledgers())
    writable = not ledgers or any(ledger.writable for ledger in ledgers)
    ready = writable and not health.draining
    body = {
        "ready": ready,
        "mode": _mode(call, health.draining, writable),
        "breakers": dict(health.breakers()),
        "queueDepth": call.lanes.queue_depth,
    }
    return json_answer(body, 200 if ready else 503)


def _mode(call: Call, draining: bool, writable: bool) -> str:
    if draining:
        return "draining"
    if not writable:
        return "read_only"
    return "shedding" if call.lanes.shedding else "ready"


async def read_metrics(call: Call) -> Answer:
    """Read the counters.

    JSON. A client whose `Accept` names `text/plain` or OpenMetrics gets everything that is
    measured, in the format that Prometheus collects.
    """
    accept = call.headers.get(b"accept", b"").decode("latin-1")
    metrics = call.services.metrics
    if "text/plain" in accept or "application/openmetrics-text" in accept:
        text, content_type = metrics.text(accept)
        return Answer(200, text, content_type.encode("ascii"))
    return json_answer(metrics.counters())


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/health/liveness",
        handler=read_liveness,
        tag=TAG,
        lane=Lane.FREE,
        tenant=False,
        replies={200: Reply("It lives.", outputs.Alive)},
    ),
    Endpoint(
        method="GET",
        path="/health/readiness",
        handler=read_readiness,
        tag=TAG,
        lane=Lane.FREE,
        tenant=False,
        replies={
            200: Reply("It is ready.", outputs.Readiness),
            503: Reply("It is not.", outputs.Readiness),
        },
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        handler=read_metrics,
        tag=TAG,
        lane=Lane.FREE,
        tenant=False,
        replies={
            200: Reply(
                "The counters.",
                outputs.Counters,
                text_types=("text/plain", "application/openmetrics-text"),
            )
        },
    ),
)
