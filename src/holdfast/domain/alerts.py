"""Low-stock alerts: a function of stock and thresholds, so that a replay gives the same.

An alert is open from the event on at which what is available falls to the threshold, and is
resolved by the event at which it rises above, or at which nobody wants to know any more.
"""

from typing import Final

from holdfast.domain.records import ALERT, LOW_STOCK, OPEN, RESOLVED, Alert, StockRecord, View

#: How long a resolved alert stays readable. No setting: a replay has to forget the same.
ALERT_KEPT_MS: Final = 30 * 24 * 3600 * 1000


def alert_change(
    view: View, stock: StockRecord, threshold: int | None, now: int, new_id: str
) -> Alert | None:
    """Return the alert that opens, as `new_id`, or is resolved; None where nothing changes."""
    known = view.get(LOW_STOCK, stock.key)
    if threshold is not None and stock.available <= threshold:
        if known is not None:
            return None
        store_id, sku = stock.key
        return Alert(new_id, store_id, sku, OPEN, threshold, stock.available, now)
    alert = None if known is None else view.get(ALERT, (known.alert_id,))
    if alert is None:
        return None
    return alert._replace(
        status=RESOLVED, resolved_at=now, kept_until=now + ALERT_KEPT_MS, version=alert.version + 1
    )
