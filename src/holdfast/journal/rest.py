"""What can be told of a journal that nobody has open, from the end of its newest file alone.

A start with many tenants asks this of each, so it reads a few hundred bytes and verifies no event.
Whoever opens the journal afterwards looks closer.
"""

from pathlib import Path
from typing import Final

from holdfast.journal.checkpoint import NEWEST
from holdfast.journal.disk import Disk, read_file
from holdfast.journal.errors import JournalError
from holdfast.journal.frame import Cursor, body_of
from holdfast.journal.manifest import NEVER, Unusable, decode_manifest
from holdfast.journal.segment import list_segments, load_segment

#: A seal is shorter than this.
_TAIL_BYTES: Final = 256


def is_at_rest(folder: Path, tenant_id: str, disk: Disk) -> bool:
    """Whether a start has nothing to do in a tenant's folder; blocks.

    False in every case of doubt: then it has to be opened, which tells what is wrong.
    """
    try:
        sealed_at = _sealed_at(folder / "journal", disk)
        if sealed_at is None:
            return is_unused(folder / "journal", tenant_id, disk)
        if sealed_at.sequence == 0:
            return True
        path = folder / "state" / NEWEST
        manifest = decode_manifest(path, read_file(disk, path))
    except (JournalError, Unusable, OSError):
        return False
    return manifest.cursor == sealed_at and manifest.next_deadline == NEVER


def is_unused(folder: Path, tenant_id: str, disk: Disk) -> bool:
    """Whether a journal was made and never opened; false where there is none. Blocks.

    Raises JournalCorrupt, OSError.
    """
    listed = list_segments(disk, folder)
    if len(listed) != 1 or listed[0].ordinal != 1:
        return False
    segment = load_segment(disk, listed[0].path, tenant_id)
    return segment.start == segment.stop


def _sealed_at(folder: Path, disk: Disk) -> Cursor | None:
    """Where the journal was sealed; None when its newest file ends in no seal."""
    listed = list_segments(disk, folder)
    if not listed:
        return None
    path = listed[-1].path
    handle = disk.open(path, "read")
    try:
        size = disk.size(path)
        tail = disk.pread(handle, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    finally:
        disk.close(handle)
    *_, last, nothing = [b"", *tail.split(b"\n")]
    body = None if nothing else body_of(last)
    fields = [] if body is None else body.split(b" ")
    if len(fields) != 3 or fields[0] != b"sealed":
        return None
    try:
        return Cursor(int(fields[1]), bytes.fromhex(fields[2].decode()))
    except ValueError:
        return None
