"""The watermark: how far the log is proven durable, in two slots.

It is written after the flush that it speaks of, so it may lag behind the log but never runs
ahead of it. One slot always holds what was last synced; the other one takes every move until
the next sync, when they change places. So a crash can harm only the slot that is in use, which
then fails its checksum, and the other one counts.
"""

from pathlib import Path
from typing import Final, NamedTuple

from holdfast.journal.disk import Disk, read_file
from holdfast.journal.errors import FormatTooNew, JournalCorrupt
from holdfast.journal.frame import CHAIN_BYTES, Cursor, body_of, checksummed
from holdfast.journal.guard import GuardedDisk
from holdfast.journal.segment import RESTORE, UPGRADE

NAME: Final = "durable"
MAGIC: Final = b"holdfast-durable"
FORMAT: Final = 1
SLOT_BYTES: Final = 512  # a sector, so that writing one slot leaves the other alone


class Watermark(NamedTuple):
    """The log is durable up to `offset` in segment `ordinal`, which is `cursor`."""

    ordinal: int
    offset: int
    cursor: Cursor


def encode_slot(mark: Watermark) -> bytes:
    """One slot of the file."""
    chain = mark.cursor.chain.hex().encode()
    fields = (MAGIC, FORMAT, mark.ordinal, mark.offset, mark.cursor.sequence, chain)
    return checksummed(b"%b %d %08d %020d %020d %b" % fields).ljust(SLOT_BYTES, b"\n")


def replace_watermark(disk: GuardedDisk, folder: Path, mark: Watermark) -> None:
    """A new file, both slots alike: whoever holds the old one open can no longer move it."""
    disk.replace(folder / NAME, encode_slot(mark) * 2)
    disk.fsync_folder(folder)


def read_watermark(disk: Disk, folder: Path) -> Watermark:
    """The newer of the two slots."""
    return _newest(disk, folder / NAME)[0]


def _newest(disk: Disk, path: Path) -> tuple[Watermark, int]:
    """The newer of the two slots, and which of them it is."""
    try:
        content = read_file(disk, path)
    except FileNotFoundError:
        raise _corrupt(path, "the watermark is missing") from None
    if len(content) != 2 * SLOT_BYTES:
        raise _corrupt(path, f"it has {len(content)} bytes, not {2 * SLOT_BYTES}")
    slots = (content[:SLOT_BYTES], content[SLOT_BYTES:])
    decoded = ((_decode_slot(path, slot), number) for number, slot in enumerate(slots))
    marks = [(mark, number) for mark, number in decoded if mark is not None]
    if not marks:
        raise _corrupt(path, "both slots are damaged")
    return max(marks, key=lambda each: each[0][:2])


class WatermarkWriter:
    """Moves the watermark in one open file, whose slots are alike and synced at first.

    Where it goes on behind another process, the older slot is the one that was synced for
    certain, so the newer one takes the moves.
    """

    def __init__(self, disk: GuardedDisk, folder: Path, *, goes_on: bool = False) -> None:
        self._disk = disk
        self._slot = _newest(disk.plain, folder / NAME)[1] if goes_on else 0
        self._handle = disk.open(folder / NAME, "update")
        self.synced = True

    def move(self, mark: Watermark) -> None:
        self.synced = False
        self._disk.pwrite(self._handle, encode_slot(mark), self._slot * SLOT_BYTES)

    def sync(self) -> None:
        if not self.synced:
            self._disk.fdatasync(self._handle)
            self._slot = 1 - self._slot
            self.synced = True

    def close(self) -> None:
        self._disk.close(self._handle)


def _decode_slot(path: Path, slot: bytes) -> Watermark | None:
    body = body_of(slot.partition(b"\n")[0])
    fields = [] if body is None else body.split(b" ")
    if len(fields) < 2 or fields[0] != MAGIC:
        return None
    if fields[1] != b"%d" % FORMAT:
        cause = f"format version {fields[1].decode(errors='replace')}, and {FORMAT} is known here"
        raise FormatTooNew("read", path, cause=cause, hint=UPGRADE, offset=0)
    try:
        ordinal, offset, sequence, chain = fields[2:]
        cursor = Cursor(int(sequence), bytes.fromhex(chain.decode()))
        mark = Watermark(int(ordinal), int(offset), cursor)
    except ValueError:
        return None
    return mark if len(cursor.chain) == CHAIN_BYTES and encode_slot(mark) == slot else None


def _corrupt(path: Path, cause: str) -> JournalCorrupt:
    return JournalCorrupt("read", path, cause=cause, hint=RESTORE)
