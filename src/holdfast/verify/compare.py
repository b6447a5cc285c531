"""The comparison of saved state with replayed state, record by record. Pure."""

from collections.abc import Iterator
from typing import Any, Final

import orjson

from holdfast.domain.records import TABLES, Key
from holdfast.domain.state import State
from holdfast.domain.values import instant_ms, instant_text
from holdfast.journal import Saved, SavedShard
from holdfast.ledger.record_codec import CODECS
from holdfast.ledger.shards import TENANT_SHARD
from holdfast.verify.differences import MAKE_STATE_ANEW, MALFORMED, REPORT, Difference
from holdfast.verify.replay import Replay

NOTHING: Final = "no such record"


def checkpoint_differences(saved: Saved, replay: Replay) -> Iterator[Difference]:
    """Compare a checkpoint with a replay that stands at the checkpoint's event.

    Every record of every shard, the time of the newest event, and the chain.
    """
    if saved.cursor == replay.cursor:
        yield from _Comparison(saved, replay).differences()
        return
    yield Difference(
        "checkpoint",
        f"the chain of {saved.path.name} at event {saved.cursor.sequence} is not the journal's",
        f"chain {replay.cursor.chain.hex()}",
        f"chain {saved.cursor.chain.hex()}",
        "Journal and state come from different moments or tenants: restore the tenant's folder as "
        "a whole",
        saved.path,
        sequence=saved.cursor.sequence,
    )


class _Comparison:
    """One checkpoint beside the replay."""

    def __init__(self, saved: Saved, replay: Replay) -> None:
        self._saved = saved
        self._replay = replay
        self._met: dict[str, set[Key]] = {name: set() for name in TABLES}
        #: Shards of which more need not be said.
        self._damaged: set[str] = set()
        #: Where each shard begins.
        self._firsts: dict[str, Key] = {}

    def differences(self) -> Iterator[Difference]:
        for shard in self._saved.shards:
            if shard.problem is not None:
                yield self._damage(shard, "is damaged", shard.problem)
            yield from self._shard_differences(shard)
        yield from self._missing()

    def _damage(self, shard: SavedShard, how: str, found: str) -> Difference:
        self._damaged.add(shard.shard)
        what = f"{self._name(shard.shard)} {how}"
        expected = f"the file that {self._saved.path.name} names"
        return Difference("checkpoint", what, expected, found, MAKE_STATE_ANEW, shard.path)

    def _shard_differences(self, shard: SavedShard) -> Iterator[Difference]:
        try:
            content = orjson.loads(shard.content)
            if shard.shard == TENANT_SHARD:
                yield from self._time_differences(shard, instant_ms(content["lastTs"]))
                return
            table = shard.shard.partition("/")[0]
            codec = CODECS[table]
            records = [codec.read(raw) for raw in content]
        except MALFORMED as error:
            if shard.problem is None:
                yield self._damage(shard, "holds no records that can be read", repr(error))
            return
        met, replayed = self._met[table], self._replay.state.records(TABLES[table])
        if records:
            self._firsts[shard.shard] = codec.rank(*records[0])
        for key, record in records:
            if key in met:
                yield self._of_record(shard, key, "is there twice", record)
            elif _group_of(shard.shard) != _group(table, key):
                how = f"belongs into a shard {_group(table, key)}…"
                yield self._of_record(shard, key, how, record)
            elif not _same(table, record, replayed.get(key)):
                yield self._of_record(shard, key, "differs", record)
            met.add(key)

    def _time_differences(self, shard: SavedShard, last_ts: int) -> Iterator[Difference]:
        if last_ts != self._replay.last_ts:
            what = f"the time of the newest event in {self._name(shard.shard)} differs"
            expected, found = instant_text(self._replay.last_ts), instant_text(last_ts)
            yield Difference("checkpoint", what, expected, found, MAKE_STATE_ANEW, shard.path)

    def _missing(self) -> Iterator[Difference]:
        files = {shard.shard: shard for shard in self._saved.shards}
        if TENANT_SHARD not in files:
            what = f"{self._name(TENANT_SHARD)} is missing"
            expected, found = instant_text(self._replay.last_ts), "no time of the newest event"
            yield Difference("checkpoint", what, expected, found, MAKE_STATE_ANEW, self._saved.path)
        for name, table in TABLES.items():
            records = self._replay.state.records(table)
            if records.keys() <= self._met[name]:
                continue
            for key, record in records.items():
                home = self._home(name, key, record)
                if key not in self._met[name] and home not in self._damaged:
                    nowhere = SavedShard(home, self._saved.path, b"", None)
                    yield self._of_record(files.get(home, nowhere), key, "is missing", None)

    def _home(self, table: str, key: Key, record: Any) -> str:  # noqa: ANN401 - a record of the table
        """Name the shard in which the record should be."""
        prefix, rank = _group(table, key), CODECS[table].rank(key, record)
        begins = sorted(
            (at, name) for name, at in self._firsts.items() if _group_of(name) == prefix
        )
        before = [name for at, name in begins if at <= rank]
        damaged = (name for name in sorted(self._damaged) if _group_of(name) == prefix)
        empty = [each.shard for each in self._saved.shards if _group_of(each.shard) == prefix]
        found = before or [name for _, name in begins] or empty or [prefix]
        return next(damaged, None) or found[-1]

    def _of_record(
        self,
        shard: SavedShard,
        key: Key,
        how: str,
        found: Any,  # noqa: ANN401 - a record of any table
    ) -> Difference:
        table = shard.shard.partition("/")[0]
        return Difference(
            "checkpoint",
            f"{record_name(table, key)} {how} in {self._name(shard.shard)}",
            written(table, self._replay.state.get(TABLES[table], key)),
            written(table, found),
            MAKE_STATE_ANEW,
            shard.path,
            sequence=self._replay.writer(table, key),
        )

    def _name(self, shard: str) -> str:
        return f"shard {shard} of {self._saved.path.name}"


def state_differences(started: State, replay: Replay) -> Iterator[Difference]:
    """Compare what a start would load with the replay; both stand at the same event."""
    for name, table in TABLES.items():
        loaded, replayed = started.records(table), replay.state.records(table)
        if loaded == replayed:
            continue
        for key in sorted(loaded.keys() | replayed.keys()):
            if not _same(name, loaded.get(key), replayed.get(key)):
                yield Difference(
                    "start",
                    f"a start would load another {record_name(name, key)}",
                    written(name, replayed.get(key)),
                    written(name, loaded.get(key)),
                    REPORT,
                    sequence=replay.writer(name, key),
                )


def _group(table: str, key: Key) -> str:
    """How the names of the shards begin that may hold the record."""
    return f"{table}/{CODECS[table].group(key)}."


def _group_of(shard: str) -> str:
    return f"{shard.rpartition('.')[0]}."


def record_name(table: str, key: Key) -> str:
    """Name a record for a person."""
    return f"record {'/'.join(key)} of {table}"


def written(table: str, record: Any) -> str:  # noqa: ANN401 - a record of any table
    """Write a record as a checkpoint has it."""
    if record is None:
        return NOTHING
    return orjson.dumps(CODECS[table].write(record)).decode()


def _same(table: str, one: Any, other: Any) -> bool:  # noqa: ANN401 - records of any table
    """Whether two records are the same; as JSON too, where 1 is neither 1.0 nor true."""
    if one is None or other is None or one != other:
        return one is None and other is None
    write = CODECS[table].write
    return orjson.dumps(write(one)) == orjson.dumps(write(other))
