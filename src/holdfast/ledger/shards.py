"""Which records make up which shard, and how a checkpoint is made of them bit by bit.

A shard is a run of neighbours in the order of a table's *ranks*: nearly always the keys
themselves; remembered keys lie in the order of their ends, so that they go away in whole shards.
Shards of stock keep to one store. A shard that grows too large is split, one that is empty goes
away, so no shard takes long, and new reservations, whose ids rise with time, never touch old ones.

Nothing here is told of a change when it is made: the state remembers what changed since
its moment.
"""

from bisect import bisect_right
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from holdfast.domain.records import TABLES, Change, Key, Table
from holdfast.domain.state import Before, State
from holdfast.journal import FormatTooNew
from holdfast.ledger.record_codec import CODECS

#: The shard that holds no records but the time of the newest event.
TENANT_SHARD: Final = "tenant"
#: Records in one shard, at most.
SHARD_RECORDS_MAX: Final = 2048
#: A shard's file ends with the record that reaches this size.
SHARD_BYTES_MAX: Final = 1 << 20
#: Records of one step: some hundred microseconds of work.
_STEP_RECORDS: Final = 32
#: Bytes after which a step ends, however few records they are: a key can remember thousands.
_STEP_BYTES: Final = 16 << 10


class ShardFile(NamedTuple):
    """What a shard's file must hold now; None when there is nothing left in it."""

    name: str
    content: bytes | None


#: Work in small steps; a step yields None, or a file once it is ready.
Steps = Iterator[ShardFile | None]


class Shard:
    """Neighbouring records of one group, by their ranks."""

    __slots__ = ("added", "group", "name", "ranks")

    def __init__(self, name: str, group: "_Group", ranks: list[Key]) -> None:
        self.name = name
        self.group = group
        #: Rising. Some of them may be gone; that shows when the shard is encoded.
        self.ranks = ranks
        #: In no order, perhaps twice.
        self.added: list[Key] = []

    @property
    def size(self) -> int:
        """How many ranks it has, at most."""
        return len(self.ranks) + len(self.added)

    def settle(self) -> None:
        """Sort in what was added."""
        if self.added:
            self.ranks += self.added
            self.ranks.sort()
            self.ranks = list(dict.fromkeys(self.ranks))
            self.added = []


class _Group:
    """All shards of one table, or of one store's stock, in the order of their ranks."""

    def __init__(self, name: str, table: Table[Any]) -> None:
        self._name = name
        self.table = table
        self.shards: list[Shard] = []
        #: Where each shard begins; what lies below the first belongs to the first.
        self._firsts: list[Key] = []
        self._next_number = 0

    def load(self, number: int, ranks: list[Key]) -> None:
        """Add a shard as it was saved, in any order."""
        self._next_number = max(self._next_number, number + 1)
        index = bisect_right(self._firsts, ranks[0])
        self._firsts.insert(index, ranks[0])
        self.shards.insert(index, Shard(f"{self._name}{number}", self, ranks))

    def find(self, rank: Key) -> Shard:
        """Return the shard to which a rank belongs, whether or not it is in it."""
        if not self.shards:
            return self._insert(0, [rank])
        return self.shards[max(bisect_right(self._firsts, rank) - 1, 0)]

    def halve(self, shard: Shard) -> Shard:
        """Move the upper half of a shard into one of its own."""
        shard.settle()
        return self.split(shard, len(shard.ranks) // 2)

    def split(self, shard: Shard, at: int) -> Shard:
        """Move the ranks of a settled shard, from that one on, into a shard of their own."""
        upper = self._insert(self.shards.index(shard) + 1, shard.ranks[at:])
        del shard.ranks[at:]
        return upper

    def remove(self, shard: Shard) -> None:
        """Take a shard away; new ranks where it was belong to a neighbour."""
        if shard in self.shards:
            index = self.shards.index(shard)
            del self.shards[index], self._firsts[index]

    def _insert(self, index: int, ranks: list[Key]) -> Shard:
        shard = Shard(f"{self._name}{self._next_number}", self, ranks)
        self._next_number += 1
        self._firsts.insert(index, ranks[0])
        self.shards.insert(index, shard)
        return shard


class Shards:
    """The ranks of all records, and the shards that a checkpoint must write again."""

    def __init__(self, records_max: int = SHARD_RECORDS_MAX) -> None:
        self._records_max = records_max
        self._groups: dict[str, _Group] = {}
        #: Changes whose ranks were not looked up yet.
        self._unranked: Before = {}
        #: A dictionary for its order, in which the shards are written.
        self._changed: dict[Shard, None] = {}

    @classmethod
    def of(cls, state: State) -> "Shards":
        """Shards of which nothing was saved yet."""
        shards = cls()
        shards._unranked = {
            name: dict.fromkeys(state.records(table)) for name, table in TABLES.items()
        }
        return shards

    def load(self, name: str, content: bytes) -> Iterator[Change]:
        """Read a shard as a checkpoint holds it; its records count as unchanged."""
        table_name, _, rest = name.partition("/")
        if table_name not in CODECS:
            raise FormatTooNew(
                "read",
                Path(name),
                cause=f"this release knows no records called {table_name!r}",
                hint="Open the folder with the release that wrote it, or a newer one",
            )
        codec, table = CODECS[table_name], TABLES[table_name]
        ranks: list[Key] = []
        for raw in orjson.loads(content):
            key, record = codec.read(raw)
            ranks.append(codec.rank(key, record))
            yield table, key, record
        group_name, _, number = rest.rpartition(".")
        self._group(table, group_name).load(int(number), ranks)

    def let_go(self) -> None:
        """Forget all ranks: nothing is saved any more. Groups and shards know each other."""
        for group in self._groups.values():
            group.shards.clear()
        self._groups.clear()
        self._changed.clear()

    def change_all(self) -> None:
        """Count every shard as changed."""
        for group in self._groups.values():
            self._changed.update(dict.fromkeys(group.shards))

    @property
    def is_behind(self) -> bool:
        """Whether a shard is to be written again, even if the state did not change any more."""
        return bool(self._changed) or any(self._unranked.values())

    def save(self, state: State) -> Steps:
        """Fix the state's moment, and make the files of all shards that changed, as they were then.

        The steps may be taken while the state goes on. When all files are safe call `saved`; when
        not, everything counts as changed still, and the next call makes its files.
        """
        before = state.fix_moment()
        if any(self._unranked.values()):
            # The save before this one failed early. Of each record the older one counts.
            for name, records in self._unranked.items():
                for key, record in before[name].items():
                    records.setdefault(key, record)
        else:
            self._unranked = before
        return self._steps(state)

    def saved(self) -> None:
        """Count all that was made into files as unchanged."""
        self._changed.clear()

    def _steps(self, state: State) -> Steps:
        yield from self._rank(self._unranked, state)
        left = list(reversed(self._changed))
        while left:
            shard = left.pop()
            content = yield from self._encode(shard, state, left)
            yield ShardFile(shard.name, content)

    def _rank(self, before: Before, state: State) -> Steps:
        """Find the shards of what changed, and empty `before`: to free it in one go takes long."""
        for name, records in before.items():
            table, rank = TABLES[name], CODECS[name].rank
            while records:
                if len(records) % _STEP_RECORDS == 0:
                    yield None
                key, old = records.popitem()
                new = state.at_moment(table, key)
                was_at = None if old is None else rank(key, old)
                is_at = None if new is None else rank(key, new)
                if was_at is not None and old != new:
                    self._find(table, key, was_at)
                if is_at is not None and is_at != was_at:
                    self._add(self._find(table, key, is_at), is_at)

    def _group(self, table: Table[Any], name: str) -> _Group:
        prefix = f"{table.name}/{name}."
        group = self._groups.get(prefix)
        if group is None:
            group = self._groups[prefix] = _Group(prefix, table)
        return group

    def _find(self, table: Table[Any], key: Key, rank: Key) -> Shard:
        shard = self._group(table, CODECS[table.name].group(key)).find(rank)
        self._changed[shard] = None
        return shard

    def _add(self, shard: Shard, rank: Key) -> None:
        shard.added.append(rank)
        if shard.size > self._records_max:
            self._changed[shard.group.halve(shard)] = None

    def _encode(
        self, shard: Shard, state: State, left: list[Shard]
    ) -> Generator[None, None, bytes | None]:
        """Write a shard as JSON, one record a line, in the order of ranks; None if it is empty.

        What is too much for one file becomes a shard of its own, and joins those that are left.
        """
        table = shard.group.table
        codec = CODECS[table.name]
        shard.settle()
        yield
        ranks: list[Key] = []
        lines: list[bytes] = []
        step_bytes = size_bytes = 0
        for number, rank in enumerate(shard.ranks, start=1):
            key = codec.key(rank)
            record = state.at_moment(table, key)
            if record is not None and codec.rank(key, record) == rank:
                ranks.append(rank)
                lines.append(orjson.dumps(codec.write(record)))
                step_bytes += len(lines[-1])
                size_bytes += len(lines[-1])
            if size_bytes >= SHARD_BYTES_MAX and number < len(shard.ranks):
                left.append(shard.group.split(shard, number))
                self._changed[left[-1]] = None
                break
            if number % _STEP_RECORDS == 0 or step_bytes >= _STEP_BYTES:
                step_bytes = 0
                yield
        shard.ranks = ranks
        if ranks:
            return b"[\n" + b",\n".join(lines) + b"\n]\n"
        shard.group.remove(shard)
        return None
