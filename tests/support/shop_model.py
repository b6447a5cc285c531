"""A second opinion: the rules of stock in plain dictionaries, written without the product's code.

It follows `Step`s. Where the product says yes, the model has changed the same way; where it says
no, the model names the same reason.
"""

from copy import deepcopy
from typing import Final

from tests.support.kitchen_records import KITCHEN_VERBS, KitchenRecords
from tests.support.shop_records import No
from tests.support.steps import Step, fingerprint

FORGOTTEN_PER_EVENT_MAX: Final = 16


class Answer:
    """What was answered: records as they were then, by their keys."""

    def __init__(self, model: "ShopModel", verb: str, *, existing: bool = False) -> None:
        self.stock = {key: dict(model.stock[key]) for key in model.shown_stock}
        self.holds = {each: deepcopy(model.holds[each]) for each in model.shown_holds}
        #: Of what a kitchen asks: its own records by table and key, None where one is gone.
        self.records = deepcopy(model.shown()) if verb in KITCHEN_VERBS else None
        self.existing = existing
        self.replayed = False


class ShopModel(KitchenRecords):
    """One tenant's records and remembered keys."""

    def __init__(self, retention_ms: int) -> None:
        super().__init__(retention_ms)
        self.keys: dict[tuple[str, str], tuple[str, int, Answer]] = {}
        #: What may be forgotten, and when: (table's name, key) → instant.
        self.forgettable: dict[tuple[str, tuple[str, ...]], int] = {}

    # Time and requests.

    def let_fall_due(self, now: int) -> None:
        """Write every deadline that has come, and forget what has had its time."""
        self.now = now
        self._fall_due()

    def ask(self, asked: Step, now: int) -> Answer:
        """Follow one request; raises `No`. What fell due before it has happened either way."""
        self.now = now
        self._fall_due()
        try:
            return self._answer(asked)
        finally:
            self._forget()

    def _answer(self, asked: Step) -> Answer:
        name = (asked.actor, asked.key or "")
        known = self.keys.get(name) if asked.key is not None else None
        if known is not None and known[1] > self.now:
            if known[0] != fingerprint(asked):
                raise No("idempotency_mismatch")
            replay = deepcopy(known[2])
            replay.replayed = True
            return replay
        saved = self._all()
        self._begin()
        try:
            self._act(asked)
        except No:
            vars(self).update(saved)
            self._puts.pop()
            raise
        self._follow()
        answer = Answer(self, asked.verb, existing=asked.verb == "reserve" and not self._changed)
        if asked.key is not None:
            expires_at = self.now + asked.key_ttl_ms
            self.keys[name] = (fingerprint(asked), expires_at, answer)
            self._puts[-1]["keys", name] = expires_at
        if self._changed or asked.key is not None:
            self.events += 1
        else:
            self._puts.pop()
        return answer

    def _begin(self) -> None:
        self._before = self._all()
        self._changed = False
        self.shown_stock, self.shown_holds, self.shown_records = {}, {}, {}
        self._puts.append({})

    def _fall_due(self) -> None:
        due: list[tuple[int, str, tuple[str, ...]]] = []
        for name, hold in self.holds.items():
            if hold["status"] == "active" and hold["expires"] is not None:
                due.append((hold["expires"], "reservations", (name,)))
        for place, levels in self.stock.items():
            if levels["until"] is not None:
                due.append((levels["until"], "stock", place))
        for at, table, key in sorted(due):
            if at > self.now:
                break
            self._begin()
            if table == "reservations":
                self._end(key[0], "expired")
            else:
                self._put_stock((key[0], key[1]), out=False, until=None)
            self._follow()
            self.events += 1
            self._forget()

    def _forget(self) -> None:
        for puts in self._puts:
            self.forgettable.update(puts)
            due = sorted((at, *name) for name, at in self.forgettable.items() if at <= self.now)
            for _, table, key in due[:FORGOTTEN_PER_EVENT_MAX]:
                del self.forgettable[table, key]
                if table == "keys":
                    del self.keys[key[0], key[1]]
                elif table == "orders":
                    del self.orders[key[0]]
                else:
                    del self.holds[key[0]]
        self._puts = []
