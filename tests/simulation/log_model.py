"""A second opinion on a log: the rules of stock in plain dictionaries follow it, event by event."""

from typing import Any, Final

from holdfast.domain.values import instant_ms
from tests.simulation.service import RETENTION_MS
from tests.support.shop_records import No, ShopRecords
from tests.support.steps import Step

_UNCHANGED: Final = frozenset({"KeyRemembered", "RowUnchanged"})
_DUE: Final = {"ReservationExpired": "reservations", "StockUnmarkedOut": "stock"}


class LogModel(ShopRecords):
    """Follows a log, event by event."""

    def __init__(self) -> None:
        super().__init__(RETENTION_MS)
        self.ts = 0
        self.marks: dict[str, int] = {}

    def follow(self, event: dict[str, Any], asked: Step | None) -> None:
        """Take the event in; it must be what the rules make of what was asked."""
        self._open(instant_ms(event["ts"]))
        due = self.due(self.now)
        if asked is None:
            self._follow_deadline(event, due)
        else:
            assert not due, f"{due} fell due before {event}"
            self._follow_step(event, asked)
        assert self._changed == (event["type"] not in {*_UNCHANGED, "RowRefused"}), event
        self._compare(event["payload"])
        self.events += 1

    def refuses(self, asked: Step, wall_ms: int) -> str | None:
        """Why the step would be refused now, if it would be."""
        stock, holds, now = dict(self.stock), dict(self.holds), self.now
        self._open(max(now, wall_ms))
        try:
            self._act(_with_id(asked, "not-made-yet"))
        except No as no:
            return no.code
        else:
            return None
        finally:
            self.stock, self.holds, self.now = stock, holds, now

    def _open(self, now: int) -> None:
        self.now = now
        self._before = {"stock": dict(self.stock), "holds": dict(self.holds)}
        self._changed = False
        self.shown_stock, self.shown_holds = {}, {}
        self._puts = [{}]

    def due(self, now: int) -> list[tuple[int, str, tuple[str, ...]]]:
        """What has fallen due by then, earliest first."""
        due: list[tuple[int, str, tuple[str, ...]]] = []
        for name, hold in self.holds.items():
            if hold["status"] == "active" and (hold["expires"] or now + 1) <= now:
                due.append((hold["expires"], "reservations", (name,)))
        for place, levels in self.stock.items():
            if (levels["until"] or now + 1) <= now:
                due.append((levels["until"], "stock", place))
        return sorted(due)

    def _follow_deadline(
        self, event: dict[str, Any], due: list[tuple[int, str, tuple[str, ...]]]
    ) -> None:
        assert due, f"nothing was due: {event}"
        _, table, key = due[0]
        assert _DUE[event["type"]] == table, (event, due)
        if table == "stock":
            self._put_stock((key[0], key[1]), out=False, until=None)
        else:
            self._end(key[0], "expired")

    def _follow_step(self, event: dict[str, Any], asked: Step) -> None:
        source = event.get("source")
        if source is not None:
            assert source["line"] > self.marks.get(source["name"], 0), event
            self.marks[source["name"]] = source["line"]
        held = event["payload"].get("reservations") or [{}]
        code = None
        try:
            self._act(_with_id(asked, held[0].get("reservationId", "")))
        except No as no:
            code = no.code
            self.stock, self.holds = self._before["stock"], self._before["holds"]
            self._changed = False
        # Of a load, a refusal is an event too; of nothing else.
        assert code == (source or {}).get("code"), (event, code)
        assert (code is not None) == (event["type"] == "RowRefused"), event

    def _compare(self, payload: dict[str, Any]) -> None:
        for record in payload.get("stock", ()):
            assert self.has(record), (record, self.stock)
        for record in payload.get("reservations", ()):
            assert self.has(record), (record, self.holds)

    def has(self, record: dict[str, Any]) -> bool:
        """Whether a record, as events and answers show it, is what the model has now."""
        if "onHand" in record:
            levels = self.stock.get((record["storeId"], record["sku"]))
            names = {"onHand": "on_hand", "reserved": "reserved", "isOut": "out"}
        else:
            levels = self.holds.get(record["reservationId"])
            names = {"status": "status"}
        names["version"] = "version"
        return levels is not None and all(
            record[name] == levels[mine] for name, mine in names.items() if name in record
        )


def _with_id(asked: Step, name: str) -> Step:
    if asked.verb != "reserve":
        return asked
    return asked._replace(fields={**asked.fields, "id": name})
