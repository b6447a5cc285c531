"""Stock and reservations in plain dictionaries, and what each verb does to them.

Written without the product's code, as the part of the model that knows the business.
"""

from copy import deepcopy
from typing import Any, Final

from tests.support.steps import Step

QUANTITY_MAX: Final = 2**53 - 1
Stock = dict[tuple[str, str], dict[str, Any]]
Holds = dict[str, dict[str, Any]]


class No(Exception):
    """The model refuses; `skus` are those that are short, `lines` those refused in a batch."""

    def __init__(
        self, code: str, skus: list[str] | None = None, lines: list[tuple[int, str]] | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.skus = skus
        self.lines = lines


class ShopRecords:
    """The records of one moment, changed by verbs."""

    def __init__(self, retention_ms: int) -> None:
        self.stock: Stock = {}
        self.holds: Holds = {}
        self._before: dict[str, Any] = self._all()
        self.events = 0
        self.now = 0
        self.shown_stock: dict[tuple[str, str], None] = {}
        self.shown_holds: dict[str, None] = {}
        self._retention_ms = retention_ms
        self._changed = False
        #: What each event put that will be forgotten one day: (table, key) → instant.
        self._puts: list[dict[tuple[str, tuple[str, ...]], int]] = []

    # Records.

    def _all(self) -> dict[str, Any]:
        """Copy everything that a refusal must leave as it was."""
        return {"stock": deepcopy(self.stock), "holds": deepcopy(self.holds)}

    def _put_stock(self, key: tuple[str, str], **values: Any) -> None:
        nothing = {"on_hand": 0, "reserved": 0, "out": False, "until": None, "version": 0}
        before = self._before["stock"].get(key, nothing)
        self.stock[key] = {**self.stock.get(key, nothing), **values}
        self.stock[key]["version"] = before["version"] + 1
        self.shown_stock[key] = None
        self._changed = True

    def _put_hold(self, name: str, **values: Any) -> None:
        before = self._before["holds"].get(name, {"version": 0})
        self.holds[name] = {**self.holds.get(name, {}), **values, "version": before["version"] + 1}
        self.shown_holds[name] = None
        self._changed = True

    def _expect(self, key: tuple[str, str], expected: int | None) -> None:
        version = self._before["stock"].get(key, {"version": 0})["version"]
        if expected not in {None, version} and not (expected == -1 and version > 0):
            raise No("version_conflict")

    def _known(self, store: str, skus: list[str]) -> None:
        if any((store, sku) not in self.stock for sku in skus):
            raise No("not_found")

    def _free(self, key: tuple[str, str]) -> int:
        levels = self.stock[key]
        free: int = levels["on_hand"] - levels["reserved"]
        return free

    # Verbs.

    def _act(self, asked: Step) -> None:
        getattr(self, f"_{asked.verb}")(**asked.fields)

    def _batch(self, rows: list[Step]) -> None:
        refused: list[tuple[int, str]] = []
        for number, row in enumerate(rows, start=1):
            try:
                self._act(row)
            except No as no:
                refused.append((number, no.code))
        if refused:
            raise No("batch_refused", lines=refused)

    def _adjust(self, store: str, sku: str, delta: int, expected: int | None = None) -> None:
        if delta < 0:
            self._known(store, [sku])
        self._expect((store, sku), expected)
        if delta > 0:
            self._add((store, sku), delta)
        else:
            self._take((store, sku), -delta)

    def _receive(self, store: str, sku: str, qty: int, expected: int | None = None) -> None:
        self._adjust(store, sku, qty, expected)

    def _ship(self, store: str, sku: str, qty: int, expected: int | None = None) -> None:
        self._adjust(store, sku, -qty, expected)

    def _add(self, key: tuple[str, str], qty: int) -> None:
        total = self.stock.get(key, {"on_hand": 0})["on_hand"] + qty
        if total > QUANTITY_MAX:
            raise No("validation_error")
        self._goods_come(key[0])
        self._put_stock(key, on_hand=total)

    def _take(self, key: tuple[str, str], qty: int) -> None:
        self._known(key[0], [key[1]])
        if qty > self._free(key):
            raise No("insufficient_stock", [key[1]])
        self._put_stock(key, on_hand=self.stock[key]["on_hand"] - qty)

    def _count(self, store: str, sku: str, counted: int, expected: int | None = None) -> None:
        key = (store, sku)
        self._expect(key, expected)
        if counted < self.stock.get(key, {"reserved": 0})["reserved"]:
            raise No("insufficient_stock", [sku])
        self._goods_come(store)
        self._put_stock(key, on_hand=counted)

    def _goods_come(self, store: str) -> None:
        """Follow a delivery, which makes its store."""

    def _transfer(self, source: str, target: str, lines: list[tuple[str, int]]) -> None:
        if source == target:
            raise No("validation_error")
        wanted = _summed(lines)
        self._known(source, list(wanted))
        short = [sku for sku, qty in wanted.items() if qty > self._free((source, sku))]
        if short:
            raise No("insufficient_stock", short)
        for sku, qty in wanted.items():
            self._take((source, sku), qty)
            self._add((target, sku), qty)

    def _out(
        self,
        store: str,
        sku: str,
        out: bool,
        until: int | None = None,
        expected: int | None = None,
    ) -> None:
        key = (store, sku)
        self._known(store, [sku])
        self._expect(key, expected)
        if out and until is not None and until <= self.now:
            raise No("validation_error")
        until = until if out else None
        if (self.stock[key]["out"], self.stock[key]["until"]) == (out, until):
            self.shown_stock.setdefault(key)
        else:
            self._put_stock(key, out=out, until=until)

    def _reserve(
        self,
        *,
        id: str,  # noqa: A002 - the name that the step uses
        store: str,
        lines: list[tuple[str, int]],
        ttl: int | None,
        user: str | None = None,
        expected: int | None = None,
        reuse: bool = False,
    ) -> None:
        wanted = _summed(lines)
        # Only who asks in one line can mean the reservation that is there already.
        mine = self._mine(store, wanted, user) if reuse and len(lines) == 1 else None
        if mine is not None:
            self._show_hold(mine)
            return
        self._known(store, list(wanted))
        for sku in wanted:
            self._expect((store, sku), expected)
        short = [
            sku
            for sku, qty in wanted.items()
            if self.stock[store, sku]["out"] or qty > self._free((store, sku))
        ]
        if short:
            raise No("insufficient_stock", short)
        for sku, qty in wanted.items():
            self._put_stock((store, sku), reserved=self.stock[store, sku]["reserved"] + qty)
        self._put_hold(
            id,
            store=store,
            user=user,
            status="active",
            lines=wanted,
            expires=None if ttl is None else self.now + ttl,
            made=self.events,
        )

    def _mine(self, store: str, wanted: dict[str, int], user: str | None) -> str | None:
        found = [
            (hold["made"], name)
            for name, hold in self.holds.items()
            if hold["status"] == "active"
            and (hold["store"], hold["user"]) == (store, user)
            and list(hold["lines"]) == list(wanted)
            and not self._is_ordered(name)
        ]
        return min(found)[1] if found and user is not None else None

    def _is_ordered(self, name: str) -> bool:
        """Whether an order has this reservation."""
        return False

    def _show_hold(self, name: str) -> None:
        self.shown_holds.setdefault(name)
        for sku in self.holds[name]["lines"]:
            self.shown_stock.setdefault((self.holds[name]["store"], sku))

    def _confirm(self, id: str, user: str | None, expected: int | None = None) -> None:  # noqa: A002 - as above
        self._finish(id, user, expected, "confirmed")

    def _cancel(self, id: str, user: str | None, expected: int | None = None) -> None:  # noqa: A002 - as above
        self._finish(id, user, expected, "cancelled")

    def _finish(self, name: str, user: str | None, expected: int | None, status: str) -> None:
        self._own(name, user)
        if self.holds[name]["status"] == status:
            self._show_hold(name)
            return
        self._demand_active(name, expected)
        self._end(name, status)

    def _own(self, name: str, user: str | None) -> None:
        if name not in self.holds:
            raise No("not_found")
        owner = self.holds[name]["user"]
        if owner is not None and user != owner:
            raise No("validation_error" if user is None else "forbidden")

    def _demand_active(self, name: str, expected: int | None) -> None:
        status = self.holds[name]["status"]
        if status != "active":
            raise No("reservation_expired" if status == "expired" else "reservation_not_active")
        if expected not in {None, -1, self.holds[name]["version"]}:
            raise No("version_conflict")

    def _extend(
        self,
        id: str,  # noqa: A002 - as above
        user: str | None,
        ttl: int | None,
        expected: int | None = None,
    ) -> None:
        self._own(id, user)
        self._demand_active(id, expected)
        known = self.holds[id]["expires"]
        wanted = None if ttl is None else self.now + ttl
        if known is None or (wanted is not None and wanted <= known):
            self.shown_holds.setdefault(id)
            return
        self._put_hold(id, expires=wanted)

    def _end(self, name: str, status: str) -> None:
        hold = self.holds[name]
        for sku, qty in hold["lines"].items():
            key = (hold["store"], sku)
            taken = qty if status == "confirmed" else 0
            levels = self.stock[key]
            self._put_stock(
                key, on_hand=levels["on_hand"] - taken, reserved=levels["reserved"] - qty
            )
        self._put_hold(name, status=status)
        self._puts[-1]["reservations", (name,)] = self.now + self._retention_ms


def _summed(lines: list[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for sku, qty in lines:
        sums[sku] = sums.get(sku, 0) + qty
    return sums
