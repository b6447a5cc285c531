"""Which records make up which shard, and which shards a checkpoint must write again."""

from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from holdfast.domain.records import TABLES, Change, Key
from holdfast.domain.state import State
from holdfast.journal import FormatTooNew
from holdfast.ledger.record_codec import CODECS

#: The shard that holds no records but the time of the newest event.
TENANT_SHARD = "tenant"


class ShardContent(NamedTuple):
    """The records of one shard at one moment."""

    table: str
    keys: list[Key]
    records: list[Any]


class Shards:
    """The membership of every shard, and the set of those that changed."""

    def __init__(self) -> None:
        self._members: dict[str, set[Key]] = {}
        self.changed: set[str] = set()

    def load(self, name: str, content: bytes) -> Iterator[Change]:
        """Read a shard as a checkpoint holds it; its records count as unchanged."""
        table_name = name.partition("/")[0]
        if table_name not in CODECS:
            raise FormatTooNew(
                "read",
                Path(name),
                cause=f"this release knows no records called {table_name!r}",
                hint="Open the folder with the release that wrote it, or a newer one",
            )
        codec, table = CODECS[table_name], TABLES[table_name]
        members = self._members.setdefault(name, set())
        for raw in orjson.loads(content):
            key, record = codec.read(raw)
            members.add(key)
            yield table, key, record

    def note(self, changes: Iterable[Change]) -> None:
        """Follow changes that were just committed."""
        for table, key, record in changes:
            name = CODECS[table.name].shard(key)
            self.changed.add(name)
            members = self._members.get(name)
            if members is None:
                members = self._members[name] = set()
            if record is None:
                members.discard(key)
            else:
                members.add(key)

    def take_changed(self, state: State) -> dict[str, ShardContent]:
        """Return what the changed shards hold now, and count them as unchanged.

        Records are immutable, so the answer stays as it is while the state goes on. It is taken
        on the loop, so it only copies references; sorting and writing are for a thread.
        """
        taken: dict[str, ShardContent] = {}
        for name in self.changed:
            table_name = name.partition("/")[0]
            records = state.records(TABLES[table_name])
            keys = list(self._members[name])
            taken[name] = ShardContent(table_name, keys, list(map(records.__getitem__, keys)))
        self.changed = set()
        return taken

    def change_all(self) -> None:
        """Count every shard as changed."""
        self.changed.update(self._members)


def encode_shard(content: ShardContent) -> bytes | None:
    """Write a shard as JSON, one record a line, sorted by key; None when it is empty."""
    if not content.keys:
        return None
    write = CODECS[content.table].write
    in_order = sorted(zip(content.keys, content.records, strict=True), key=itemgetter(0))
    lines = [orjson.dumps(write(key, record)) for key, record in in_order]
    return b"[\n" + b",\n".join(lines) + b"\n]\n"
