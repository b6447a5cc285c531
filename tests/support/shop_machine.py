"""The rules by which hypothesis runs a shop against the model; what decides is left open."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from holdfast.domain.records import Outcome, Reservation, StockRecord
from holdfast.domain.rejections import Rejected
from tests.support.shop_model import Answer, ShopModel
from tests.support.shop_records import No
from tests.support.steps import MAKES_AN_ID, Step
from tests.support.virtual_time import VirtualClock

STORES = st.sampled_from(["S", "T"])
SKUS = st.sampled_from(["A", "B", "C"])
USERS = st.sampled_from([None, "ann", "bob"])
QUANTITIES = st.integers(1, 6)
LINES = st.lists(st.tuples(SKUS, QUANTITIES), min_size=1, max_size=4)
KEYS = st.sampled_from([None, None, None, "k1", "k2", "k3"])
TTLS_MS = st.sampled_from([1, 1_000, 5_000, 60_000, None])
#: Which version a caller names: none, the current one moved by so much, or "any".
EXPECTED = st.sampled_from([None, None, None, None, 0, 0, 1, -1, "any", "new"])
RETENTION_MS = 90_000


class ShopMachine(RuleBasedStateMachine):
    """Asks the same of the model and of what is tested, and compares the answers."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = VirtualClock()
        self.model = ShopModel(RETENTION_MS)
        self.keyed: list[Step] = []
        self.holds_made = 0

    def decided(self, asked: Step) -> Outcome | Rejected:
        """Ask what is tested."""
        raise NotImplementedError

    def time_passed(self, ms: int) -> None:
        """Let time pass for what is tested."""
        self.clock.advance(ms)

    def ask(self, asked: Step) -> None:
        if asked.key is not None and asked not in self.keyed:
            self.keyed.append(asked)
        result = self.decided(asked)
        try:
            answer = self.model.ask(asked, self.clock.wall_ms())
        except No as no:
            compare_refusals(no, result)
        else:
            assert isinstance(result, Outcome), result
            compare_answers(answer, result)
            self.compare_records(answer, result)

    def compare_records(self, expected: Answer, outcome: Outcome) -> None:
        """Compare what is neither stock nor a reservation."""

    # What versions and reservations a rule may name.

    def version(self, store: str, sku: str, expected: Any) -> int | None:
        known = self.model.stock.get((store, sku), {"version": 0})["version"]
        return self._expected(known, expected)

    @staticmethod
    def _expected(known: int, expected: Any) -> int | None:
        if expected is None or expected == "any":
            return None if expected is None else -1
        return 0 if expected == "new" else max(0, known + int(expected))

    def some_hold(self, pick: int) -> str:
        """One of the newest reservations, or one that nobody ever made."""
        names = sorted(self.model.holds, key=lambda name: int(name[1:]))
        return names[-1 - pick] if pick < len(names) else "r0"

    def new_hold(self) -> str:
        """Make a new id; like those of the service, they sort in the order of their making."""
        self.holds_made += 1
        return f"r{self.holds_made:06d}"

    def with_new_ids(self, asked: Step) -> Step:
        """A repeated request: whatever takes it in makes up another id for a reservation."""
        if asked.verb == "batch":
            rows = [self.with_new_ids(row) for row in asked.fields["rows"]]
            return asked._replace(fields={"rows": rows})
        if asked.verb not in MAKES_AN_ID:
            return asked
        return asked._replace(fields={**asked.fields, "id": self.new_hold()})

    # Rules.

    @rule(
        verb=st.sampled_from(["adjust", "receive", "count", "ship"]),
        store=STORES,
        sku=SKUS,
        qty=QUANTITIES,
        down=st.booleans(),
        expected=EXPECTED,
        key=KEYS,
    )
    def change(
        self,
        *,
        verb: str,
        store: str,
        sku: str,
        qty: int,
        down: bool,
        expected: Any,
        key: str | None,
    ) -> None:
        names = {"adjust": "delta", "count": "counted"}
        value = -qty if verb == "adjust" and down else qty
        fields = {"store": store, "sku": sku, names.get(verb, "qty"): value}
        self.ask(Step(verb, fields | {"expected": self.version(store, sku, expected)}, key))

    @rule(store=STORES, sku=SKUS)
    def stock_up(self, store: str, sku: str) -> None:
        self.ask(Step("receive", {"store": store, "sku": sku, "qty": 20}))

    @rule(stores=st.tuples(STORES, STORES), lines=LINES, key=KEYS)
    def transfer(
        self, stores: tuple[str, str], lines: list[tuple[str, int]], key: str | None
    ) -> None:
        source, target = stores
        self.ask(Step("transfer", {"source": source, "target": target, "lines": lines}, key))

    @rule(
        store=STORES,
        sku=SKUS,
        out=st.booleans(),
        until=st.sampled_from([None, -1, 0, 1, 3_000, 40_000]),
        expected=EXPECTED,
        key=KEYS,
    )
    def mark_out(
        self,
        *,
        store: str,
        sku: str,
        out: bool,
        until: int | None,
        expected: Any,
        key: str | None,
    ) -> None:
        at = None if until is None else self.clock.wall_ms() + until
        version = self.version(store, sku, expected)
        fields = {"store": store, "sku": sku, "out": out, "until": at, "expected": version}
        self.ask(Step("out", fields, key))

    @rule(store=STORES, lines=LINES, user=USERS, ttl=TTLS_MS, reuse=st.booleans(), key=KEYS)
    def reserve(
        self,
        *,
        store: str,
        lines: list[tuple[str, int]],
        user: str | None,
        ttl: int | None,
        reuse: bool,
        key: str | None,
    ) -> None:
        fields = {"store": store, "lines": lines, "user": user, "ttl": ttl, "reuse": reuse}
        self.ask(Step("reserve", {"id": self.new_hold(), **fields}, key))

    @rule(store=STORES, sku=SKUS, qty=QUANTITIES, expected=EXPECTED)
    def reserve_a_version(self, store: str, sku: str, qty: int, expected: Any) -> None:
        version = self.version(store, sku, expected)
        fields = {"store": store, "lines": [(sku, qty)], "ttl": 5_000, "expected": version}
        self.ask(Step("reserve", {"id": self.new_hold(), **fields}))

    @rule(
        verb=st.sampled_from(["confirm", "cancel", "extend"]),
        pick=st.integers(0, 5),
        honest=st.booleans(),
        user=USERS,
        ttl=TTLS_MS,
        expected=EXPECTED,
        key=KEYS,
    )
    def follow_up(
        self,
        *,
        verb: str,
        pick: int,
        honest: bool,
        user: str | None,
        ttl: int | None,
        expected: Any,
        key: str | None,
    ) -> None:
        name = self.some_hold(pick)
        known = self.model.holds.get(name, {"user": user, "version": 0})
        fields: dict[str, Any] = {"id": name, "user": known["user"] if honest else user}
        fields["expected"] = self._expected(known["version"], expected)
        if verb == "extend":
            fields["ttl"] = ttl
        self.ask(Step(verb, fields, key))

    @rule(data=st.data(), count=st.integers(1, 5), key=KEYS)
    def batch(self, data: st.DataObject, count: int, key: str | None) -> None:
        rows: list[Step] = []
        for _ in range(count):
            verb = data.draw(st.sampled_from(["adjust", "ship", "count", "reserve", "cancel"]))
            store, qty = data.draw(STORES), data.draw(QUANTITIES)
            lines = [(data.draw(SKUS), qty)]
            reserved = {"id": "", "store": store, "lines": lines, "ttl": 1_000}
            fields: dict[str, dict[str, Any]] = {
                "adjust": {"store": store, "sku": lines[0][0], "delta": qty},
                "ship": {"store": store, "sku": lines[0][0], "qty": 1},
                "count": {"store": store, "sku": lines[0][0], "counted": 9 + qty},
                "reserve": reserved,
                "cancel": {"id": self.some_hold(qty), "user": None},
            }
            if verb == "reserve":
                reserved["id"] = self.new_hold()
            rows.append(Step(verb, fields[verb]))
        self.ask(Step("batch", {"rows": rows}, key))

    @rule(pick=st.integers(0, 20))
    def repeat_a_keyed_request(self, pick: int) -> None:
        if self.keyed:
            self.ask(self.with_new_ids(self.keyed[-1 - pick % len(self.keyed)]))

    @rule(ms=st.sampled_from([1, 999, 1_000, 4_999, 5_000, 60_000, 200_000]))
    def time_passes(self, ms: int) -> None:
        self.time_passed(ms)


def compare_refusals(expected: No, refused: Outcome | Rejected) -> None:
    assert isinstance(refused, Rejected), (expected.code, refused)
    assert refused.code == expected.code, refused
    assert refused.detail
    if expected.skus is not None:
        assert [each["sku"] for each in refused.data["shortages"]] == expected.skus
    if expected.lines is not None:
        errors = [(each["line"], each["code"]) for each in refused.data["errors"]]
        assert errors == expected.lines, (errors, expected.lines)


def compare_answers(expected: Answer, outcome: Outcome) -> None:
    stock = {record.key: plain_stock(record) for record in outcome.stock}
    assert stock == expected.stock, (stock, expected.stock)
    assert [record.key for record in outcome.stock] == list(expected.stock)
    held = {each.reservation_id: plain_hold(each) for each in outcome.reservations}
    known = {name: known_hold(hold) for name, hold in expected.holds.items()}
    assert held == known, (held, known)
    assert (outcome.existing, outcome.replayed) == (expected.existing, expected.replayed)


def plain_stock(record: StockRecord) -> dict[str, Any]:
    return {
        "on_hand": record.on_hand,
        "reserved": record.reserved,
        "out": record.is_out,
        "until": record.out_until,
        "version": record.version,
    }


def plain_hold(reservation: Reservation) -> dict[str, Any]:
    return {
        "store": reservation.store_id,
        "user": reservation.user_id,
        "status": reservation.status,
        "lines": {line.sku: line.qty for line in reservation.lines},
        "expires": reservation.expires_at,
        "version": reservation.version,
    }


def known_hold(hold: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in hold.items() if name != "made"}
