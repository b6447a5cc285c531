"""The staged view: what is decided lies over what is committed, also where a record goes away."""

from typing import Any

from holdfast.domain.events import Event
from holdfast.domain.evolve import evolve
from holdfast.domain.records import ITEM, STOCK, TOMBSTONE, Change, Item, StockRecord
from holdfast.domain.state import State
from holdfast.ledger.listing import Listing
from holdfast.ledger.staged import StagedView

APPLE = Item("A", "Apple", low_stock_threshold=5, version=1, updated_at=1)


class Desk:
    """Events are staged one by one, and committed when the disk says so."""

    def __init__(self) -> None:
        self.state = State()
        self.listing = Listing(self.state)
        self.view = StagedView(self.state, self.listing)
        self.sequence = 0

    def stage(self, *records: Change, stock: tuple[StockRecord, ...] = ()) -> None:
        self.sequence += 1
        more: dict[str, Any] = {"stock": stock, "records": records}
        event = Event(self.sequence, self.sequence, "ItemChanged", "e", "x", "q", {}, **more)
        self.view.stage(event, evolve(self.view, event))

    def commit(self, sequence: int) -> None:
        for event, changes, _ in self.view.pop_durable(sequence):
            self.listing.note(changes, self.state)
            self.state.apply(changes, event.ts)

    def item(self) -> Item | None:
        return self.view.get(ITEM, ("A",))

    def listed(self) -> list[tuple[str, ...]]:
        return list(self.listing.of(ITEM).above(("",)))


def put(item: Item) -> Change:
    return ITEM, item.key, item


GONE: Change = (ITEM, ("A",), None)


def stock(store: str, sku: str) -> StockRecord:
    return StockRecord(store, sku, 9, 0, False, None, None, 1, 0)


def test_a_record_that_a_staged_event_takes_away_is_gone_for_decisions_only() -> None:
    desk = Desk()
    desk.stage(put(APPLE))
    desk.commit(1)
    desk.stage(GONE)
    assert desk.item() is None
    assert desk.state.get(ITEM, ("A",)) == APPLE
    assert list(desk.view.each(ITEM)) == []
    assert desk.listed() == [("A",)]
    desk.commit(2)
    assert desk.item() is None
    assert desk.state.get(ITEM, ("A",)) is None
    assert desk.listed() == []
    tombstone = desk.state.get(TOMBSTONE, ("items", "A"))
    assert tombstone is not None
    assert tombstone.version == 1


def test_what_goes_and_comes_and_goes_again_is_gone_at_every_moment_until_it_is_written() -> None:
    desk = Desk()
    desk.stage(put(APPLE))
    desk.stage(GONE)
    desk.stage(put(APPLE._replace(version=2)))
    desk.stage(GONE)
    for sequence in (1, 2, 3, 4):
        assert desk.item() is None
        desk.commit(sequence)
    assert desk.item() is None
    assert desk.listed() == []


def test_what_comes_again_is_there_at_every_moment_until_it_is_written() -> None:
    desk = Desk()
    again = APPLE._replace(version=2)
    desk.stage(put(APPLE))
    desk.stage(GONE)
    desk.stage(put(again))
    for sequence in (1, 2, 3):
        assert desk.item() == again
        desk.commit(sequence)
    assert desk.item() == again
    assert desk.listed() == [("A",)]


def test_what_was_taken_away_is_back_when_the_flush_failed() -> None:
    desk = Desk()
    desk.stage(put(APPLE))
    desk.commit(1)
    desk.stage(GONE)
    desk.view.drop()
    assert desk.item() == APPLE
    assert desk.view.thresholds == {"A": 5}


def test_thresholds_are_those_of_staged_items_and_of_committed_ones_after_a_failure() -> None:
    desk = Desk()
    desk.stage(put(APPLE))
    assert (desk.view.thresholds, desk.state.thresholds) == ({"A": 5}, {})
    desk.view.drop()
    assert desk.view.thresholds == {}
    desk.stage(put(APPLE))
    desk.commit(2)
    desk.stage(put(APPLE._replace(low_stock_threshold=None, version=2)))
    assert (desk.view.thresholds, desk.state.thresholds) == ({}, {"A": 5})
    desk.commit(3)
    assert desk.state.thresholds == {}


def test_stock_is_found_by_sku_and_by_store_whether_or_not_it_is_written() -> None:
    desk = Desk()
    desk.stage(stock=(stock("S", "A"), stock("T", "A"), stock("S", "B"), stock("SA", "AB")))
    desk.commit(1)
    desk.stage(stock=(stock("S", "A")._replace(on_hand=7, version=2), stock("U", "A")))
    by_sku = {each.store_id: each.on_hand for each in desk.view.stock_of_sku("A")}
    assert by_sku == {"S": 7, "T": 9, "U": 9}
    assert {each.sku for each in desk.view.stock_of_store("S")} == {"A", "B"}
    assert [each.key for each in desk.view.stock_of_store("U")] == [("U", "A")]
    assert len(list(desk.view.each(STOCK))) == 5
