"""Alerts of low stock."""

from typing import Literal

from holdfast.http.schemas.base import Count, Id, Output, Sku, Time, Version
from holdfast.http.schemas.inputs import Expecting
from holdfast.http.schemas.outputs import Page


class AckBody(Expecting):
    """Somebody looks after it."""


class Alert(Output):
    """A SKU ran low in a store."""

    id: Id
    store_id: Id
    sku: Sku
    name: str
    status: Literal["open", "acknowledged", "resolved"]
    threshold: Count
    available: Count
    opened_at: Time
    acknowledged_at: Time | None
    acknowledged_by: str | None
    resolved_at: Time | None
    version: Version


class AlertPage(Page):
    items: list[Alert]
