"""Alerts: opened and resolved by what happens to stock and thresholds, the same in every replay."""

import json

from holdfast.domain.alerts import ALERT_KEPT_MS
from holdfast.domain.commands import (
    AcknowledgeAlert,
    ApplyBatch,
    CancelReservation,
    DeleteItem,
    PutItem,
    ReceiveStock,
    SetOut,
    ShipStock,
)
from holdfast.domain.events import event_from_json, event_json
from holdfast.domain.evolve import evolve
from holdfast.domain.records import ALERT, LOW_STOCK, TABLES, Alert, LowStock
from holdfast.domain.state import State
from tests.unit.domain.desk import NOW, Desk, key, reserve, stocked

LOW_AT_5 = PutItem("A", "Apple", low_stock_threshold=5, new=True)


def watched(**levels: int) -> Desk:
    desk = stocked(**levels)
    desk.do(LOW_AT_5)
    return desk


def statuses(desk: Desk, sku: str = "A", store: str = "S") -> list[str]:
    return [alert.status for alert in desk.alerts(sku, store)]


def test_an_alert_opens_when_what_is_available_falls_to_the_threshold() -> None:
    desk = watched(A=7)
    desk.do(ShipStock("S", "A", 1))
    assert not desk.alerts()
    desk.now += 5
    desk.do(reserve(("A", 1)))
    (alert,) = desk.alerts()
    wanted = Alert(alert.id, "S", "A", "open", 5, 5, NOW + 5)
    assert alert == wanted
    assert desk.get(LOW_STOCK, ("S", "A")) == LowStock("S", "A", alert.id)


def test_an_alert_is_resolved_when_what_is_available_rises_above_the_threshold() -> None:
    desk = watched(A=6)
    desk.do(reserve(("A", 1)))
    desk.now += 5
    desk.do(ReceiveStock("T", "A", 99))
    assert statuses(desk) == ["open"]
    desk.do(CancelReservation("r1", None))
    (alert,) = desk.alerts()
    assert (alert.status, alert.resolved_at, alert.version) == ("resolved", NOW + 5, 2)
    assert alert.kept_until == NOW + 5 + ALERT_KEPT_MS
    assert desk.get(LOW_STOCK, ("S", "A")) is None


def test_while_an_alert_is_open_no_second_one_opens() -> None:
    desk = watched(A=6)
    for _ in range(3):
        desk.do(ShipStock("S", "A", 1))
    assert statuses(desk) == ["open"]
    assert desk.alerts()[0].available == 5


def test_after_one_is_resolved_the_next_shortage_opens_another() -> None:
    desk = watched(A=6)
    desk.do(ShipStock("S", "A", 1))
    desk.now += 1
    desk.do(ReceiveStock("S", "A", 1))
    desk.now += 1
    desk.do(ShipStock("S", "A", 2))
    assert statuses(desk) == ["resolved", "open"]
    assert len({alert.id for alert in desk.alerts()}) == 2


def test_every_store_has_alerts_of_its_own() -> None:
    desk = watched(A=6)
    desk.do(ReceiveStock("T", "A", 3))
    assert (statuses(desk), statuses(desk, store="T")) == ([], ["open"])


def test_many_alerts_of_one_event_have_different_ids() -> None:
    desk = stocked(A=9, B=9)
    for sku in ("A", "B"):
        desk.do(PutItem(sku, sku, low_stock_threshold=5, new=True))
    desk.do(ApplyBatch((ShipStock("S", "A", 5), ShipStock("S", "B", 5))))
    assert (statuses(desk), statuses(desk, "B")) == (["open"], ["open"])
    assert desk.alerts()[0].id != desk.alerts("B")[0].id


def test_nobody_is_alerted_of_what_has_no_threshold() -> None:
    desk = stocked(A=6)
    desk.do(PutItem("A", "Apple", new=True))
    desk.do(ShipStock("S", "A", 6))
    assert not desk.alerts()


def test_a_threshold_of_nothing_alerts_when_nothing_is_left() -> None:
    desk = stocked(A=1)
    desk.do(PutItem("A", "Apple", low_stock_threshold=0, new=True))
    assert not desk.alerts()
    desk.do(ShipStock("S", "A", 1))
    assert statuses(desk) == ["open"]


def test_making_an_item_looks_at_the_stock_that_was_there_before() -> None:
    desk = stocked(A=5, B=5)
    desk.do(ReceiveStock("T", "A", 6))
    desk.do(ReceiveStock("U", "A", 5))
    desk.do(LOW_AT_5)
    assert [statuses(desk, store=store) for store in "STU"] == [["open"], [], ["open"]]
    assert not desk.alerts("B")
    assert len({alert.id for alert in desk.each(ALERT)}) == 2


def test_another_threshold_opens_and_resolves() -> None:
    desk = watched(A=6)
    desk.do(PutItem("A", "Apple", low_stock_threshold=6))
    assert statuses(desk) == ["open"]
    desk.do(PutItem("A", "Pear", low_stock_threshold=6))
    assert statuses(desk) == ["open"]
    desk.do(PutItem("A", "Pear", low_stock_threshold=5))
    assert statuses(desk) == ["resolved"]


def test_without_a_threshold_or_an_item_nothing_stays_open() -> None:
    desk = watched(A=5)
    desk.do(PutItem("A", "Apple"))
    assert statuses(desk) == ["resolved"]
    desk = watched(A=5)
    desk.do(ShipStock("S", "A", 5))
    desk.do(DeleteItem("A"))
    assert statuses(desk) == ["resolved"]
    desk.do(ReceiveStock("S", "A", 1))
    assert statuses(desk) == ["resolved"]


def test_what_is_marked_as_out_is_not_for_that_low() -> None:
    desk = watched(A=6)
    desk.do(SetOut("S", "A", True))
    assert not desk.alerts()


def test_whoever_has_seen_an_alert_is_named() -> None:
    desk = watched(A=5)
    desk.now += 5
    outcome = desk.do(AcknowledgeAlert(desk.alerts()[0].id, 1), actor="ann")
    (alert,) = desk.alerts()
    assert outcome.first(ALERT) == alert
    assert (alert.status, alert.version) == ("acknowledged", 2)
    assert (alert.acknowledged_by, alert.acknowledged_at) == ("ann", NOW + 5)
    assert desk.last.type == "AlertAcknowledged"


def test_an_acknowledged_alert_is_not_opened_again_and_is_resolved_like_any() -> None:
    desk = watched(A=5)
    desk.do(AcknowledgeAlert(desk.alerts()[0].id))
    desk.do(ShipStock("S", "A", 1))
    assert statuses(desk) == ["acknowledged"]
    desk.do(ReceiveStock("S", "A", 9))
    assert statuses(desk) == ["resolved"]
    assert desk.alerts()[0].acknowledged_by == "clerk"


def test_acknowledging_what_was_seen_or_is_over_changes_nothing() -> None:
    desk = watched(A=5)
    seen = AcknowledgeAlert(desk.alerts()[0].id)
    first = desk.do(seen)
    assert desk.do(seen, actor="bob") == first
    desk.do(ReceiveStock("S", "A", 9))
    desk.now += 1
    desk.do(ShipStock("S", "A", 9))
    desk.do(seen, **key())
    assert desk.last.type == "KeyRemembered"
    assert statuses(desk) == ["resolved", "open"]
    desk.do(ReceiveStock("S", "A", 9))
    assert statuses(desk) == ["resolved", "resolved"]


def test_an_alert_that_is_not_there_or_at_another_version_is_not_acknowledged() -> None:
    desk = watched(A=5)
    assert desk.refused(AcknowledgeAlert("none")).code == "not_found"
    assert desk.refused(AcknowledgeAlert(desk.alerts()[0].id, 2)).code == "version_conflict"


def test_a_resolved_alert_is_forgotten_in_the_end_and_an_open_one_never_is() -> None:
    desk = watched(A=5, B=1)
    desk.do(ReceiveStock("T", "A", 1))
    desk.do(ReceiveStock("S", "A", 9))
    desk.now += ALERT_KEPT_MS - 1
    desk.do(ReceiveStock("S", "B", 1))
    assert statuses(desk) == ["resolved"]
    desk.now += 1
    desk.do(ReceiveStock("S", "B", 1))
    assert (statuses(desk), statuses(desk, store="T")) == ([], ["open"])


def test_a_replay_opens_and_resolves_the_same_alerts() -> None:
    desk = watched(A=9, B=1)
    for qty in (4, 3):
        desk.do(ShipStock("S", "A", qty))
        desk.do(ReceiveStock("S", "A", 9))
    desk.do(ShipStock("S", "A", 19))
    desk.do(AcknowledgeAlert(desk.alerts()[-1].id))
    replayed = State()
    for event in desk.events:
        read = event_from_json(json.loads(json.dumps(event_json(event))))
        replayed.apply(evolve(replayed, read), read.ts)
    for table in TABLES.values():
        assert replayed.records(table) == desk.state.records(table)
    assert replayed.thresholds == desk.thresholds == {"A": 5}
