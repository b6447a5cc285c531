"""A server that shows what its events make, commits more whenever it is asked, and lies if told to."""

import random
from collections.abc import Callable
from typing import Any

import orjson

from holdfast.domain.records import (
    ALERT,
    ITEM,
    MENU_ITEM,
    ORDER,
    REFUSAL,
    RESERVATION,
    SOURCE,
    STOCK,
    STORE,
    StockRecord,
)
from holdfast.http.render import listed_stock, reservation_body
from holdfast.http.render_catalogue import (
    alert_body,
    dish_body,
    item_body,
    location_body,
    order_body,
)
from holdfast.journal import Frame
from holdfast.verify.live import Page, SourcePage, Tip
from holdfast.verify.replay import Replay

#: Is shown the path and the items of each page, and may change them.
Lie = Callable[[str, list[Any]], None]


class FakeServer:
    """Implements `Server` on frames; `committed` is how many of them it has committed."""

    def __init__(
        self, frames: list[Frame], committed: int, rng: random.Random, lie: Lie | None = None
    ) -> None:
        self.frames = frames
        self.replay = Replay()
        self.lie = lie
        self.page_items_max = 3
        self._rng = rng
        self.commit(committed)

    @property
    def committed(self) -> int:
        return self.replay.cursor.sequence

    def commit(self, count: int) -> None:
        for frame in self.frames[self.committed : self.committed + count]:
            self.replay.apply(frame)

    def _go_on(self) -> None:
        self.commit(self._rng.choice([0, 0, 1, 2, 5]))

    def tip(self, sequence: int) -> Tip:
        self._go_on()
        known = 0 < sequence <= self.committed
        event = orjson.loads(self.frames[sequence - 1].json) if known else None
        return Tip(event, self.committed)

    def page(self, path: str, cursor: str | None) -> Page:
        self._go_on()
        state = self.replay.state
        lists: dict[str, tuple[Any, Any]] = {
            "/stock": (STOCK, self._stock_body),
            "/reservations": (RESERVATION, reservation_body),
            "/items": (ITEM, item_body),
            "/locations": (STORE, location_body),
            "/manager/menu": (MENU_ITEM, dish_body),
            "/manager/orders": (ORDER, order_body),
            "/alerts": (ALERT, alert_body),
        }
        table, body = lists[path]
        after = tuple(orjson.loads(cursor)) if cursor else ("",)
        keys = sorted(key for key in state.records(table) if key > after)
        shown = keys[: self.page_items_max]
        items = [body(state.records(table)[key]) for key in shown]
        if self.lie is not None:
            self.lie(path, items)
        self._go_on()
        more = len(keys) > len(shown)
        return Page(items, orjson.dumps(shown[-1]).decode() if more else None)

    def _stock_body(self, record: StockRecord) -> Any:
        return listed_stock(record, self.replay.state.get(ITEM, (record.sku,)))

    def source(self, name: str, cursor: str | None) -> SourcePage:
        self._go_on()
        known = self.replay.state.records(SOURCE)[name,]
        refusals = self.replay.state.records(REFUSAL).values()
        after = int(cursor or 0)
        behind = sorted(no.line for no in refusals if no.source == name and no.line > after)
        shown = behind[: self.page_items_max]
        by_line = {no.line: no for no in refusals}
        items: list[Any] = [
            {"line": line, "code": by_line[line].code, "detail": by_line[line].detail}
            for line in shown
        ]
        numbers: list[Any] = [known.mark, known.refused]
        if self.lie is not None:
            self.lie("mark", numbers)
            self.lie("refusals", items)
        self._go_on()
        more = len(behind) > len(shown)
        return SourcePage(numbers[0], numbers[1], Page(items, str(shown[-1]) if more else None))
