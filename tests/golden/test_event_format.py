"""Frozen events and the state that they make: what was written once must be read for ever.

A new type of event, or a new field, is added behind the frozen ones: run this file to write them
anew, and look at the difference, which may only add.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import orjson

from holdfast.domain.evolve import evolve
from holdfast.domain.records import TABLES
from holdfast.domain.state import State
from holdfast.ledger.codec import decode_event, encode_event
from holdfast.ledger.record_codec import CODECS
from tests.unit.domain.one_of_each import one_of_each

GOLDEN: Final = Path(__file__).parent / "event_format_1"
EVENTS: Final = GOLDEN / "events.jsonl"
STATE: Final = GOLDEN / "state.jsonl"


def frozen_events() -> list[bytes]:
    return EVENTS.read_bytes().splitlines()


def replayed(events: list[bytes]) -> State:
    state = State()
    for line in events:
        event = decode_event(line)
        state.apply(evolve(state, event), event.ts)
    return state


def written(state: State) -> Iterator[bytes]:
    """Write every record as a checkpoint does, with its table in front."""
    for name, table in TABLES.items():
        for _, record in sorted(state.records(table).items()):
            yield orjson.dumps({"table": name, "record": CODECS[name].write(record)})


def write() -> None:
    GOLDEN.mkdir(exist_ok=True)
    EVENTS.write_bytes(b"".join(encode_event(event) + b"\n" for event in one_of_each()))
    STATE.write_bytes(b"".join(line + b"\n" for line in written(replayed(frozen_events()))))


def test_the_same_decisions_give_the_same_bytes() -> None:
    assert [encode_event(event) for event in one_of_each()] == frozen_events()


def test_a_frozen_event_is_written_again_as_it_was_read() -> None:
    for line in frozen_events():
        assert encode_event(decode_event(line)) == line


def test_frozen_events_make_the_frozen_state() -> None:
    assert list(written(replayed(frozen_events()))) == STATE.read_bytes().splitlines()


def test_a_frozen_state_is_read_and_written_as_it_was() -> None:
    state = State()
    for line in STATE.read_bytes().splitlines():
        saved = orjson.loads(line)
        key, record = CODECS[saved["table"]].read(saved["record"])
        state.put((TABLES[saved["table"]], key, record))
    assert list(written(state)) == STATE.read_bytes().splitlines()


if __name__ == "__main__":
    write()
