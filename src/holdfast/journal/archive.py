"""The archive: segments that no start needs any more, moved out of its way and never deleted.

A segment goes there once both checkpoints that are kept stand behind its last event. It is the
same file with the same name, so the archive and the journal are one log in two folders: whoever
reads events that are older than the journal's first segment finds them here by name.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from holdfast.journal.disk import Disk
from holdfast.journal.errors import ArchiveFailed, HistoryGone, JournalCorrupt
from holdfast.journal.guard import DiskFault, GuardedDisk
from holdfast.journal.segment import Listed, Segment, cut_off, list_segments, load_segment

FOLDER: Final = "archive"
BRING_BACK: Final = (
    "Nothing was changed. Bring these files back into the archive; "
    "if there is no copy, restore the tenant's folder from a backup"
)
_COMPARED_BYTES: Final = 1 << 20
_STAYS: Final = (
    "Nothing is lost: the segment is read wherever it is, and moved after a later checkpoint. "
    "Look at the disk; the archive must be on the file system of the journal"
)
_TWO: Final = "Neither was touched. Find out which one is the journal's, and move the other away"


def archived_path(path: Path) -> Path:
    """Where the segment of this name lies once it is archived."""
    return path.parent / FOLDER / path.name


def archive_segment(disk: Disk, path: Path) -> None:
    """Move a closed segment to the archive, durably. Blocks; again does no harm.

    The new name is synced before the old one's folder, so a crash leaves the segment under one
    name or, at worst, under both. A file that is there already is replaced if it is the same.
    Raises ArchiveFailed.
    """
    guarded, target = GuardedDisk(disk), archived_path(path)
    try:
        guarded.make_folder(target.parent)
        there = _same_ordinal(disk, target)
        if there != [target] or path.name in disk.files_in(path.parent):
            for other in there:
                if other != target or not _are_equal(disk, path, target):
                    cause = f"{other} is there and differs"
                    raise ArchiveFailed("rename", path, cause=cause, hint=_TWO)
            guarded.rename(path, target)
        guarded.fsync_folder(target.parent)
        guarded.fsync_folder(path.parent)
    except DiskFault as fault:
        raise ArchiveFailed(fault.operation, path, cause=fault.cause, hint=_STAYS) from fault
    except OSError as error:
        raise ArchiveFailed("read", path, cause=str(error), hint=_STAYS) from error


def open_segment(disk: Disk, path: Path) -> int:
    """A handle to read a segment, also when it was archived since it was listed."""
    try:
        return disk.open(path, "read")
    except FileNotFoundError:
        return disk.open(archived_path(path), "read")


def archived_segments(disk: Disk, first: Segment, after: int) -> Iterator[Segment]:
    """The archived segments that lead up to `first`, from the event behind `after` on.

    Oldest first, each cut off by the one that follows it; none when `first` begins early enough.
    What the archive holds beside them is not looked at, and headers are read one by one.
    Raises HistoryGone when the oldest of them are not there, JournalCorrupt, OSError.
    """
    segment: Segment | None = None
    for listed in _needed(disk, first, after):
        following = load_segment(disk, listed.path, first.header.tenant_id)
        if segment is not None:
            yield cut_off(segment, following)
        segment = following
    if segment is not None:
        yield cut_off(segment, first)


def _needed(disk: Disk, first: Segment, after: int) -> list[Listed]:
    reached, ordinal = first.header.first_sequence, first.header.ordinal
    if reached <= after + 1:
        return []
    folder = first.path.parent / FOLDER
    older = [each for each in list_segments(disk, folder) if each.ordinal < ordinal]
    needed: list[Listed] = []
    while reached > after + 1:
        if not older or older[-1].ordinal != ordinal - 1:
            raise _missing(folder, older, after, reached, ordinal)
        needed.append(older.pop())
        ordinal, reached, _ = needed[-1]
    return needed[::-1]


def _missing(
    folder: Path, older: list[Listed], after: int, reached: int, ordinal: int
) -> HistoryGone | JournalCorrupt:
    if older:
        cause = f"segment {ordinal - 1} is missing or there twice, in the middle of the archive"
        return JournalCorrupt("read", folder, cause=cause, hint=BRING_BACK)
    segments = "segment 1" if ordinal == 2 else f"segments 1 to {ordinal - 1}"
    cause = (
        f"events {after + 1} to {reached - 1} are missing: {segments} "
        f"had been archived there, and what holds these events is gone"
    )
    hint = f"Bring the files back, or read after {reached - 1}"
    return HistoryGone(folder, reached, cause=cause, hint=hint)


def _same_ordinal(disk: Disk, path: Path) -> list[Path]:
    ordinal = path.name.partition("-")[0]
    names = disk.files_in(path.parent)
    return [path.parent / name for name in names if name.partition("-")[0] == ordinal]


def _are_equal(disk: Disk, one: Path, other: Path) -> bool:
    size_bytes = disk.size(one)
    if disk.size(other) != size_bytes:
        return False
    handles: list[int] = []
    try:
        handles.extend(disk.open(path, "read") for path in (one, other))
        return all(
            disk.pread(handles[0], _COMPARED_BYTES, offset)
            == disk.pread(handles[1], _COMPARED_BYTES, offset)
            for offset in range(0, size_bytes, _COMPARED_BYTES)
        )
    finally:
        for handle in handles:
            disk.close(handle)
