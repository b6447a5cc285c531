"""Alerts of low stock: who has run low, and who has seen it."""

from typing import Final

from holdfast.domain.commands import AcknowledgeAlert
from holdfast.domain.records import ACKNOWLEDGED, ALERT, ITEM, OPEN, RESOLVED, Alert, Json
from holdfast.http.answer import Answer
from holdfast.http.call import Call
from holdfast.http.endpoint import Endpoint, Reply
from holdfast.http.query import PAGE, choice_param
from holdfast.http.render_catalogue import alert_body, name_of
from holdfast.http.resources import Resource
from holdfast.http.schemas import alerts as schemas
from holdfast.ledger.port import Reading

TAG: Final = "Alerts"


def _listed(reading: Reading, alert: Alert) -> dict[str, Json]:
    return {**alert_body(alert), "name": name_of(reading.get(ITEM, (alert.sku,)), alert.sku)}


_ALERTS: Final = Resource(ALERT, "alert", "alertId", alert_body, _listed)


async def list_alerts(call: Call) -> Answer:
    """List the alerts, oldest first.

    One opens when what is available falls to the item's threshold or below, and is resolved when
    it rises above; resolved ones stay readable for thirty days.
    """
    status = call.query["status"]
    return await _ALERTS.page(call, lambda alert: status in {None, alert.status})


async def acknowledge_alert(call: Call, body: schemas.AckBody) -> Answer:
    """Say that somebody looks after it. To say it again changes nothing."""
    expected = call.expected(body.expected_version)
    return await _ALERTS.write(call, AcknowledgeAlert(call.params["alertId"], expected))


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/alerts",
        handler=list_alerts,
        tag=TAG,
        query=(
            *PAGE,
            choice_param("status", (OPEN, ACKNOWLEDGED, RESOLVED), "Only in this state."),
        ),
        replies={200: Reply("A page of alerts.", schemas.AlertPage)},
    ),
    Endpoint(
        method="POST",
        path="/alerts/{alertId}/ack",
        handler=acknowledge_alert,
        tag=TAG,
        body=schemas.AckBody,
        body_optional=True,
        replies={200: Reply("The alert after it.", schemas.Alert, etag=True)},
        problems=("not_found", "version_conflict"),
        writes=True,
        precondition=True,
    ),
)
