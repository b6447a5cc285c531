"""What must be true of a run: the log is followed with plain dictionaries, answers are held to it.

Nothing of the product decides here: the rules of stock are those of `support/shop_records`.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from holdfast.domain.values import instant_ms
from tests.simulation.asked import Answer, Asked
from tests.simulation.log_model import LogModel
from tests.simulation.machine import NS_PER_MS
from tests.simulation.trouble import Trouble
from tests.support.steps import Step
from tests.support.virtual_time import START_MS

#: A deadline is written within this time, unless something was broken meanwhile.
DEADLINE_LATE_MS: Final = 1_000


def records_in(body: Any) -> Iterator[dict[str, Any]]:
    """Every stock record and reservation that an answer shows, wherever it stands."""
    if isinstance(body, list):
        for each in body:
            yield from records_in(each)
    elif isinstance(body, dict):
        if "onHand" in body and "storeId" in body and "version" in body:
            yield body
        elif "reservationId" in body and "lines" in body and "version" in body:
            # In a batch's line the word `status` is taken by HTTP.
            yield {**body, "status": body.get("reservationStatus", body["status"])}
        for each in body.values():
            yield from records_in(each)


class Waiting(NamedTuple):
    """An answer that rests on a state: what it shows, or why it refuses the step."""

    answer: Answer
    step: Step | None = None
    code: str = ""


class Judge:
    """Holds everything that was answered to the log that is left in the end."""

    def __init__(
        self, frames: list[bytes], asked: list[Asked], trouble: Trouble | None = None
    ) -> None:
        self.events = [orjson.loads(json) for json in frames]
        self._asked = asked
        self._trouble = trouble
        self._steps = {key: step for each in asked for key, step in each.steps.items()}
        self._unkeyed = {key for each in asked if not each.keyed for key in each.steps}
        self._by_request: dict[str, list[int]] = defaultdict(list)
        self._by_key: dict[str, list[int]] = defaultdict(list)
        for number, event in enumerate(self.events):
            self._by_request[event["requestId"]].append(number)
            key = self._key_of(event)
            if key is not None:
                self._by_key[key].append(number)

    def _key_of(self, event: dict[str, Any]) -> str | None:
        if event["actor"] == "system":
            return None
        source = event.get("source")
        if source is not None:
            return f"{source['name']}:{source['line']}"
        key: str = event.get("idempotencyKey") or event["requestId"].partition(".")[0]
        return key

    def judge(self, quiet_until_ms: int) -> None:
        """Every check there is; nothing was wrong before that instant. Raises AssertionError."""
        waiting = self._judge_answers()
        model = LogModel()
        left = self._hold(model, waiting, 0)
        for sequence, event in enumerate(self.events, start=1):
            assert event["sequence"] == sequence, event
            key = self._key_of(event)
            assert instant_ms(event["ts"]) >= model.now or sequence == 1, event
            if key is None:
                self._demand_in_time(event, model)
            model.follow(event, None if key is None else self._steps[key])
            left = self._hold(model, left, sequence)
        if self._trouble is not None:
            overdue = model.due(quiet_until_ms - DEADLINE_LATE_MS)
            assert not overdue, f"nobody wrote {overdue}"
        assert not left, f"no state explains {left[0]}"

    def _demand_in_time(self, event: dict[str, Any], model: LogModel) -> None:
        """A deadline is written when it comes, unless something was wrong then."""
        ts = instant_ms(event["ts"])
        due = model.due(ts)
        if self._trouble is not None and due and ts - due[0][0] > DEADLINE_LATE_MS:
            came_ns, written_ns = ((at - START_MS) * NS_PER_MS for at in (due[0][0], ts))
            assert self._trouble.meets(came_ns, written_ns), f"written late: {event}"

    def _judge_answers(self) -> list[Waiting]:
        """Hold writes to their events; what rests on a state comes back, to be held to that."""
        for key, numbers in self._by_key.items():
            assert len(numbers) == 1, f"{key} happened {len(numbers)} times"
        open_answers: list[Waiting] = []
        for asked in self._asked:
            for answer in asked.answers:
                if answer.response is None:
                    continue
                if asked.method == "GET":
                    open_answers += self._read(asked, answer)
                elif asked.is_batch:
                    open_answers += self._batch(asked, answer)
                else:
                    ((key, step),) = asked.steps.items()
                    response = answer.response
                    body = response.json
                    open_answers += self._one(key, step, answer, response.status, body)
        return open_answers

    def _read(self, asked: Asked, answer: Answer) -> list[Waiting]:
        response = answer.response
        assert response is not None
        assert response.status in {200, 404} or "readiness" in asked.address, (
            asked.address,
            answer,
        )
        if not answer.exact or response.status != 200:
            return []
        for record in records_in(response.json):
            expires = record.get("expiresAt")
            if expires is not None and record["status"] == "active":
                assert instant_ms(expires) > answer.sent_wall_ms, f"it had expired: {answer}"
        return [Waiting(answer)]

    def _batch(self, asked: Asked, answer: Answer) -> list[Waiting]:
        response = answer.response
        assert response is not None
        if response.status != 200 or "atomic" in asked.address:
            if len(asked.steps) > 1:
                assert response.status >= 400, response
                self._demand_nothing_done(answer, response.status, response.code)
                return []
            ((key, step),) = asked.steps.items()
            body = _lines_of(response.body) if response.status == 200 else response.json
            return self._one(key, step, answer, response.status, body)
        waiting: list[Waiting] = []
        lines = _lines_of(response.body)
        assert len(lines) == len(asked.steps)
        for (key, step), line in zip(asked.steps.items(), lines, strict=True):
            if line["status"]:
                waiting += self._one(key, step, answer, line["status"], line, row=True)
        return waiting

    def _one(
        self, key: str, step: Step, answer: Answer, status: int, body: Any, *, row: bool = False
    ) -> list[Waiting]:
        if status < 300:
            if key in self._unkeyed and key not in self._by_key:
                # Nothing was to be changed, and nothing to be remembered.
                return [Waiting(answer)]
            self._demand_done(key, answer, body, row=row)
            return []
        code: str = body["code"]
        if not row:
            self._demand_nothing_done(answer, status, code)
        if status >= 500:
            return []
        return [Waiting(answer, step, code)]

    def _demand_done(self, key: str, answer: Answer, body: Any, *, row: bool) -> None:
        """What was acknowledged is in the log, once, and its event shows what was answered."""
        numbers = self._by_key.get(key, [])
        assert len(numbers) == 1, f"{key} was acknowledged and is there {len(numbers)} times"
        event = self.events[numbers[0]]
        response = answer.response
        assert response is not None
        replayed = response.replayed or (row and body.get("replayed", False))
        if not row:
            assert replayed == (event["requestId"] != answer.request_id), (answer, event)
        assert event["sequence"] <= answer.high, f"{key} was answered before it was durable"
        payload = event["payload"]
        shown = [*payload.get("stock", ()), *payload.get("reservations", ())]
        for record in records_in(body):
            assert any(_same(record, each) for each in shown), (record, event)

    def _demand_nothing_done(self, answer: Answer, status: int, code: str) -> None:
        if code != "journal_unavailable":
            assert not self._by_request.get(answer.request_id), (
                f"{answer.request_id} was refused with {status} {code}, and is in the log"
            )

    def _hold(self, model: LogModel, waiting: list[Waiting], sequence: int) -> list[Waiting]:
        """Let go what the state behind this event explains; keep the rest."""
        return [
            each
            for each in waiting
            if not each.answer.low <= sequence <= each.answer.high or not explains(model, each)
        ]


def explains(model: LogModel, waiting: Waiting) -> bool:
    """Whether the model's state is a reason for this answer."""
    answer, step, code = waiting
    if step is None:
        assert answer.response is not None
        return all(model.has(record) for record in records_in(answer.response.json))
    if model.refuses(step, 0) == code:
        return True
    # An instant that was asked for may have gone by since the last event.
    return step.verb in {"out", "batch"} and model.refuses(step, _LATER_MS) == code


#: An instant behind every `until` that anybody asked for.
_LATER_MS: Final = 1 << 42


def _lines_of(body: bytes) -> list[Any]:
    return [orjson.loads(line) for line in body.splitlines()]


def _same(shown: dict[str, Any], record: dict[str, Any]) -> bool:
    names = _OF_STOCK if "onHand" in shown else _OF_RESERVATIONS
    return all(shown[name] == record.get(name) for name in names if name in shown)


_OF_STOCK: Final = ("storeId", "sku", "onHand", "reserved", "isOut", "version")
_OF_RESERVATIONS: Final = ("storeId", "reservationId", "status", "version")
