"""The one decision about alerts: somebody has seen one. All else about them follows from stock."""

from holdfast.domain.commands import AcknowledgeAlert
from holdfast.domain.decide.draft import Draft, require_version
from holdfast.domain.decide.stock import Fact
from holdfast.domain.records import ACKNOWLEDGED, ALERT, OPEN
from holdfast.domain.rejections import unknown


def acknowledge(draft: Draft, action: AcknowledgeAlert) -> Fact | None:
    """Note who has seen an alert; one that was seen before, or is resolved, stays as it is."""
    alert = draft.record(ALERT, (action.alert_id,))
    if alert is None:
        raise unknown("alert", action.alert_id)
    if alert.status != OPEN:
        draft.show(ALERT, alert.key, alert)
        return None
    require_version(f"The alert {alert.id}", alert.version, action.expected_version)
    seen = alert._replace(
        status=ACKNOWLEDGED,
        acknowledged_at=draft.now,
        acknowledged_by=draft.command.actor,
        version=alert.version + 1,
    )
    draft.put(ALERT, alert.key, seen)
    return "AlertAcknowledged", {}
