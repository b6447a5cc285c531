"""Segments: how a file of the journal is named, what its first line says, how one is born."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.journal.disk import Disk, read_file
from holdfast.journal.errors import FormatTooNew, JournalCorrupt
from holdfast.journal.frame import CHAIN_BYTES, START, Cursor, body_of, checksummed
from holdfast.journal.guard import GuardedDisk

MAGIC: Final = b"holdfast-journal"
FORMAT: Final = 1
HEADER_BYTES_MAX: Final = 512
_NAME: Final = re.compile(r"(\d{8})-(\d{20})\.log")
_TENANT: Final = re.compile(rb"[!-~]{1,128}")
RESTORE: Final = "Nothing was changed. Restore the tenant's folder from a backup or a copy"
TRY_AGAIN: Final = "Look at the disk and the kernel's log, then try again"
UPGRADE: Final = "Nothing was changed. Start the release that wrote it, or a newer one"


class Header(NamedTuple):
    """A segment's first line.

    `previous_length` is how many bytes of the segment before still count. `before` is the
    cursor at which this one begins. `born_with` is the last sequence it held when it got its
    name, so whatever it lacks of those is damage.
    """

    tenant_id: str
    ordinal: int
    previous_length: int
    before: Cursor
    born_with: int

    @property
    def first_sequence(self) -> int:
        return self.before.sequence + 1


class Listed(NamedTuple):
    """What the name of a segment's file says."""

    ordinal: int
    first_sequence: int
    path: Path


class Segment(NamedTuple):
    """A segment: its file, its header, and the bytes of it that count (`start` to `stop`)."""

    path: Path
    header: Header
    start: int
    stop: int


def segment_name(ordinal: int, first_sequence: int) -> str:
    """The name of its file; names sort as the segments follow each other."""
    return f"{ordinal:08d}-{first_sequence:020d}.log"


def first_header(tenant_id: str) -> Header:
    """The header of a journal's first segment."""
    return Header(tenant_id, 1, 0, START, 0)


def successor(current: Segment, before: Cursor, born_with: int) -> Header:
    """The header of the segment to write next, when `current` counts up to its `stop`.

    A segment of which nothing would count is replaced under its own name, so that restarts
    and probes in a row do not heap up empty files.
    """
    header = current.header
    if header.before.sequence == before.sequence:
        return header._replace(born_with=born_with)
    return Header(header.tenant_id, header.ordinal + 1, current.stop, before, born_with)


def encode_header(header: Header) -> bytes:
    """The first line of a segment."""
    tenant = header.tenant_id.encode()
    if not _TENANT.fullmatch(tenant):
        raise ValueError(f"no tenant can be called {header.tenant_id!r}")
    fields = (
        *(MAGIC, FORMAT, tenant, header.ordinal, header.first_sequence),
        *(header.previous_length, header.before.chain.hex().encode(), header.born_with),
    )
    return checksummed(b"%b %d %b %08d %020d %020d %b %020d" % fields)


def create_segment(
    disk: GuardedDisk, folder: Path, header: Header, content: bytes
) -> tuple[Segment, int]:
    """A new segment under its name, all of it durable, and the handle to append with."""
    path = folder / segment_name(header.ordinal, header.first_sequence)
    temporary = disk.temporary(path)
    first_line = encode_header(header)
    handle = disk.write_new(temporary, first_line + content)
    try:
        disk.rename(temporary, path)
        disk.fsync_folder(folder)
    except BaseException:
        disk.close(handle)
        raise
    return Segment(path, header, len(first_line), len(first_line) + len(content)), handle


def list_segments(disk: Disk, folder: Path) -> list[Listed]:
    """The segments right in a folder by their names, oldest first."""
    return [
        Listed(int(match[1]), int(match[2]), folder / name)
        for name in disk.files_in(folder)
        if (match := _NAME.fullmatch(name)) is not None
    ]


def load_segments(disk: Disk, folder: Path, tenant_id: str) -> list[Segment]:
    """Every segment right in a folder, oldest first, once the headers agree with each other.

    Each `stop` is what the next header says; that of the last is the size of its file.
    """
    segments: list[Segment] = []
    for listed in list_segments(disk, folder):
        segment = load_segment(disk, listed.path, tenant_id)
        if segments:
            segments[-1] = cut_off(segments[-1], segment)
        segments.append(segment)
    return segments


def load_segment(disk: Disk, path: Path, tenant_id: str) -> Segment:
    """A segment by itself: its `stop` is the size of its file. Raises JournalCorrupt, OSError."""
    line, newline, _ = read_file(disk, path, HEADER_BYTES_MAX).partition(b"\n")
    header = _decode_header(path, line) if newline else None
    if header is None:
        raise _corrupt(path, "its header is damaged")
    if header.tenant_id != tenant_id:
        raise _corrupt(path, f"it belongs to {header.tenant_id!r}, not to {tenant_id!r}")
    if path.name != segment_name(header.ordinal, header.first_sequence):
        raise _corrupt(path, "its header tells of a file of another name")
    if 1 in {header.ordinal, header.first_sequence} and header.before != START:
        raise _corrupt(path, "the first segment does not begin at the beginning")
    return Segment(path, header, len(line) + 1, disk.size(path))


def _decode_header(path: Path, line: bytes) -> Header | None:
    body = body_of(line)
    fields = [] if body is None else body.split(b" ")
    if len(fields) < 2 or fields[0] != MAGIC:
        return None
    if fields[1] != b"%d" % FORMAT:
        cause = f"format version {fields[1].decode(errors='replace')}, and {FORMAT} is known here"
        raise FormatTooNew("read", path, cause=cause, hint=UPGRADE, offset=0)
    try:
        tenant, ordinal, first, length, chain, born_with = fields[2:]
        before = Cursor(int(first) - 1, bytes.fromhex(chain.decode()))
        header = Header(tenant.decode(), int(ordinal), int(length), before, int(born_with))
        written = encode_header(header)
    except ValueError:
        return None
    return header if len(before.chain) == CHAIN_BYTES and written == line + b"\n" else None


def cut_off(segment: Segment, following: Segment) -> Segment:
    """The segment as far as the header of the next one lets it count. Raises JournalCorrupt."""
    header = following.header
    if header.ordinal != segment.header.ordinal + 1:
        missing = f"segment {segment.header.ordinal + 1} is missing or there twice"
        raise _corrupt(following.path, missing)
    if header.first_sequence <= segment.header.first_sequence:
        raise _corrupt(following.path, "it begins before the segment before it")
    if not segment.start <= header.previous_length <= segment.stop:
        cause = f"it ends at byte {segment.stop}; the next one counts on {header.previous_length}"
        raise _corrupt(segment.path, cause, segment.stop)
    return segment._replace(stop=header.previous_length)


def _corrupt(path: Path, cause: str, offset: int = 0) -> JournalCorrupt:
    return JournalCorrupt("read", path, cause=cause, hint=RESTORE, offset=offset)
