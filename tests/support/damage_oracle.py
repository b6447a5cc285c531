"""What a damaged folder may be taken for, worked out from the folder as it was before.

A second opinion: it shares no code with the product. It knows where every line of the good
folder begins, compares bytes, and applies the journal's rules to what still stands.
"""

import json
import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.small_folder import JOURNAL, STATE, WATERMARK, Files

NEWEST: Final = STATE / "MANIFEST.json"
ARCHIVE: Final = JOURNAL / "archive"
OLDER: Final = STATE / "MANIFEST.1.json"
_SEGMENT: Final = re.compile(r"\d{8}-\d{20}\.log")
_SLOT_BYTES: Final = 512
Damaged = Mapping[Path, bytes]


class Refused(NamedTuple):
    """The folder must be refused; of a single damage, the file and byte to name are known."""

    path: Path
    offset: int | None = None


class Torn(NamedTuple):
    """The end that must be reported as torn."""

    name: str
    offset: int
    size_bytes: int


class Opens(NamedTuple):
    """The folder opens after event `sequence`; `warns` says whether a checkpoint was no good."""

    sequence: int
    torn: Torn | None
    warns: bool


Verdict = Refused | Opens


class Line(NamedTuple):
    """A frame or the seal, where it stands in the good file; `text` has no line feed."""

    offset: int
    text: bytes
    sequence: int
    batch: int

    @property
    def end(self) -> int:
        return self.offset + len(self.text) + 1


class Segment(NamedTuple):
    """A segment of the good folder. `cut` is how much of it its successor lets count.

    One that is archived is looked at only by a start that needs an event of it.
    """

    path: Path
    content: bytes
    header_bytes: int
    before: int
    born_with: int
    cut: int
    frames: list[Line]
    seal: Line | None

    @property
    def is_archived(self) -> bool:
        return self.path.parent == ARCHIVE

    def has_header_in(self, damaged: Damaged) -> bool:
        header = self.content[: self.header_bytes]
        return damaged.get(self.path, b"").startswith(header)


class _Saved(NamedTuple):
    """A checkpoint of the good folder."""

    sequence: int
    manifest: bytes
    files: list[Path]


class Oracle:
    """Judges damages of one good folder."""

    def __init__(self, good: Files) -> None:
        self.good = good
        self.segments = _segments(good)
        self._saved = [_saved(good[path]) for path in (NEWEST, OLDER) if path in good]
        slots = good[WATERMARK]
        self._slots = {slots[:_SLOT_BYTES], slots[_SLOT_BYTES:]}
        # Every line of the journal carries a checksum, so each is whole wherever it stands.
        journal = (content for path, content in good.items() if JOURNAL in path.parents)
        self._texts = {line for content in journal for line in content.split(b"\n") if line}

    def judge(self, damaged: Damaged) -> Verdict:
        """What the loading of these files must come to."""
        saved, warns = self._newest_good(damaged)
        checkpoint = 0 if saved is None else saved.sequence
        refused = self._of_watermark(damaged) or self._of_names(damaged, checkpoint)
        if refused is None:
            refused = self._of_closed(damaged, checkpoint)
        if refused is not None:
            return refused
        return self._of_last(damaged, checkpoint, warns=warns)

    # Checkpoints.

    def _newest_good(self, damaged: Damaged) -> tuple[_Saved | None, bool]:
        for path in (NEWEST, OLDER):
            content = damaged.get(path)
            saved = None if content is None else self._whole(content, damaged)
            if saved is not None:
                return saved, path == OLDER
        return None, NEWEST in damaged or OLDER in damaged

    def _whole(self, content: bytes, damaged: Damaged) -> _Saved | None:
        for saved in self._saved:
            files = all(damaged.get(path) == self.good[path] for path in saved.files)
            if content == saved.manifest and files:
                return saved
        return None

    # The journal.

    def _of_watermark(self, damaged: Damaged) -> Refused | None:
        content = damaged.get(WATERMARK, b"")
        if len(content) != 2 * _SLOT_BYTES or not self._marks(content):
            return Refused(WATERMARK)
        return None

    def _marks(self, content: bytes) -> list[int]:
        halves = (content[:_SLOT_BYTES], content[_SLOT_BYTES:])
        return [int(half.split(b" ")[5]) for half in halves if half in self._slots]

    def _of_names(self, damaged: Damaged, checkpoint: int) -> Refused | None:
        """Headers must be whole, and only the oldest segments may be gone."""
        live = {each.path: each for each in self.segments if not each.is_archived}
        for path in sorted(path for path in damaged if _is_segment(path, JOURNAL)):
            if path not in live or not live[path].has_header_in(damaged):
                return Refused(path, 0)
        there = [path in damaged for path in live]
        if not any(there) or there != sorted(there):
            return Refused(JOURNAL)
        first = list(live.values())[there.index(True)]
        return self._of_archive(damaged, checkpoint, first)

    def _of_archive(self, damaged: Damaged, checkpoint: int, first: Segment) -> Refused | None:
        """What the journal's first segment leaves out must lead up to it from the archive."""
        older = self.segments[: self.segments.index(first)]
        names = [path.name[:8] for path in damaged if _is_segment(path, ARCHIVE)]
        reached = first
        while reached.before > checkpoint:
            if not older or not older[-1].is_archived or not older[-1].has_header_in(damaged):
                return Refused(older[-1].path if older else first.path, 0)
            reached = older.pop()
            if names.count(reached.path.name[:8]) > 1:
                return Refused(ARCHIVE)
        return None

    def _of_closed(self, damaged: Damaged, checkpoint: int) -> Refused | None:
        """A closed segment must reach its cut; its lines count if they follow the checkpoint."""
        for segment, following in pairwise(self.segments):
            content = damaged.get(segment.path)
            needed = following.before > checkpoint
            if content is None or (segment.is_archived and not needed):
                continue
            if len(content) < segment.cut:
                return Refused(segment.path, len(content))
            for line in segment.frames:
                if needed and line.end <= segment.cut and not _holds(content, line):
                    return Refused(segment.path, line.offset)
        return None

    def _of_last(self, damaged: Damaged, checkpoint: int, *, warns: bool) -> Verdict:
        last = self.segments[-1]
        content = damaged[last.path]
        end, sequence = last.header_bytes, last.before
        for line in last.frames:
            if not _holds(content, line):
                break
            end, sequence = line.end, line.sequence
        rest = content[end:]
        proven = max(last.born_with, checkpoint, *self._marks(damaged[WATERMARK]))
        if sequence < proven or self._is_no_torn_end(rest, sequence):
            return Refused(last.path, end)
        sealed = last.seal is not None and rest == last.seal.text + b"\n"
        torn = Torn(last.path.name, end, len(rest)) if rest and not sealed else None
        return Opens(sequence, torn, warns)

    def _is_no_torn_end(self, rest: bytes, sequence: int) -> bool:
        """Whether what stands behind the last good line was certainly once whole."""
        last = self.segments[-1]
        first, newline, _ = rest.partition(b"\n")
        seal_here = last.seal is not None and sequence == last.frames[-1].sequence
        if seal_here and last.seal is not None and rest.rstrip(b"\n") == last.seal.text:
            return len(rest) > len(last.seal.text) + 1
        if newline and first in self._texts:
            return True
        later = [line for line in last.frames if line.batch > sequence + 1]
        seals = [] if last.seal is None else [last.seal]
        return any(_stands_in(rest, line.text) for line in later + seals)


def _is_segment(path: Path, folder: Path) -> bool:
    return path.parent == folder and _SEGMENT.fullmatch(path.name) is not None


def _holds(content: bytes, line: Line) -> bool:
    return content[line.offset : line.end] == line.text + b"\n"


def _stands_in(rest: bytes, text: bytes) -> bool:
    at = rest.find(text)
    while at >= 0:
        if rest[at + len(text) : at + len(text) + 1] in {b"", b"\n"}:
            return True
        at = rest.find(text, at + 1)
    return False


def _saved(content: bytes) -> _Saved:
    manifest = json.loads(content)
    files = [STATE / entry["path"] for entry in manifest["files"].values()]
    return _Saved(manifest["sequence"], content, files)


def _segments(good: Files) -> list[Segment]:
    segments = (path for path in good if _SEGMENT.fullmatch(path.name))
    paths = sorted(segments, key=lambda path: path.name)
    headers = [good[path].partition(b"\n")[0].split(b" ") for path in paths]
    cuts = [int(header[6]) for header in headers[1:]] + [len(good[paths[-1]])]
    return [
        _segment(path, good[path], header, cut)
        for path, header, cut in zip(paths, headers, cuts, strict=True)
    ]


def _segment(path: Path, content: bytes, header: list[bytes], cut: int) -> Segment:
    first, *texts = content.split(b"\n")[:-1]
    frames: list[Line] = []
    seal: Line | None = None
    offset = header_bytes = len(first) + 1
    for text in texts:
        fields = text.split(b" ", 4)
        if fields[1] == b"sealed":
            seal = Line(offset, text, int(fields[2]), 0)
        else:
            frames.append(Line(offset, text, int(fields[1]), int(fields[2])))
        offset += len(text) + 1
    born_with, before = int(header[8]), int(header[5]) - 1
    return Segment(path, content, header_bytes, before, born_with, cut, frames, seal)
