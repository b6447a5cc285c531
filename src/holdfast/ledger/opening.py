"""How a tenant's folder becomes state: the newest good checkpoint, and the events behind it."""

from pathlib import Path
from typing import NamedTuple

import orjson
import structlog

from holdfast.domain.evolve import evolve
from holdfast.domain.state import State
from holdfast.domain.values import instant_ms
from holdfast.journal import START, Checkpoints, Cursor, Disk, Frame, Recovered, recover
from holdfast.ledger.codec import decode_event
from holdfast.ledger.shards import TENANT_SHARD, Shards

_log = structlog.get_logger("holdfast.ledger")


class Loaded(NamedTuple):
    """A tenant as its folder has it; nothing was written yet."""

    tenant_id: str
    state: State
    shards: Shards
    #: The time of the newest event, in ms.
    last_ts: int
    recovered: Recovered
    #: Knows what the newest checkpoint on disk holds, so that the next one can build on it.
    checkpoints: Checkpoints


class _Replay:
    """State that grows while shards and frames are read into it."""

    def __init__(self) -> None:
        self.state = State()
        self.shards = Shards()
        self.last_ts = 0

    def load(self, name: str, content: bytes) -> None:
        if name == TENANT_SHARD:
            self.last_ts = instant_ms(orjson.loads(content)["lastTs"])
            return
        for change in self.shards.load(name, content):
            self.state.put(change)

    def apply(self, frame: Frame) -> None:
        event = decode_event(frame.json)
        changes = evolve(self.state, event)
        self.state.apply(changes, event.ts)
        self.last_ts = event.ts


def load_tenant(folder: Path, tenant_id: str, disk: Disk) -> Loaded:
    """Read a tenant's folder; blocks, and writes nothing.

    Raises:
        JournalCorrupt: the folder contradicts itself; the tenant must not be opened.
        UnknownEvent: a newer release wrote in it.
    """
    replay = _Replay()
    checkpoints = Checkpoints(folder / "state", disk)
    checkpoint = checkpoints.load()
    after: Cursor = START
    for notice in checkpoints.notices:
        _log.warning("checkpoint", tenant=tenant_id, notice=notice)
    if checkpoint is not None:
        for name, content in checkpoint.shards():
            replay.load(name, content)
        after = checkpoint.cursor
    recovered = recover(folder / "journal", tenant_id, disk, replay.apply, after)
    if recovered.torn is not None:
        torn = recovered.torn
        _log.warning(
            "the journal's torn end was set aside",
            tenant=tenant_id,
            segment=torn.path.name,
            offset=torn.offset,
            bytes=torn.size_bytes,
            reason=torn.reason,
            notice=" ".join(recovered.notices),
        )
    return Loaded(tenant_id, replay.state, replay.shards, replay.last_ts, recovered, checkpoints)
