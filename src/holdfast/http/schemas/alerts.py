"""Alerts of low stock."""

from typing import Literal

from pydantic import Field

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
    status: Literal["open", "acknowledged", "resolved"]
    threshold: Count = Field(description="The item's threshold when it opened.")
    available: Count = Field(description="What was available when it opened.")
    opened_at: Time
    acknowledged_at: Time | None
    acknowledged_by: str | None
    resolved_at: Time | None
    version: Version


class ListedAlert(Alert):
    """An alert in a list."""

    name: str = Field(description="The item's name; the SKU while there is no item.")


class AlertPage(Page):
    items: list[ListedAlert]
