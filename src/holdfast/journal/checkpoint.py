"""Checkpoints: a tenant's state in readable files, so that a start need not replay everything.

A file that a manifest names is never written again. New files come first and the manifest
last, so whatever step a crash meets, the newest manifest that is in place names whole files.
A checkpoint is only ever a shortcut: without a usable one the journal is read from its start.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from holdfast.journal.disk import Disk, read_file
from holdfast.journal.errors import CheckpointFailed, JournalCorrupt, ReadFailed
from holdfast.journal.frame import Cursor
from holdfast.journal.guard import TEMPORARY, DiskFault, GuardedDisk
from holdfast.journal.manifest import (
    Manifest,
    StateFile,
    Unusable,
    decode_manifest,
    describe,
    encode_manifest,
)
from holdfast.journal.segment import TRY_AGAIN

NEWEST: Final = "MANIFEST.json"
OLDER: Final = "MANIFEST.1.json"
# Every part of a shard's name begins with a letter or digit, so none can climb out (`..`).
_SHARD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,150}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,150})*")
_STATE_FILE: Final = re.compile(r".+@\d+(-\d+)?\.json")
_HINT: Final = "The checkpoint before it is still good. Look at the disk's space and health"


class Checkpoint:
    """A checkpoint whose files were all found whole. `notices` are for the operator."""

    def __init__(
        self, folder: Path, disk: Disk, manifest: Manifest, notices: tuple[str, ...] = ()
    ) -> None:
        self.cursor = manifest.cursor
        self.manifest = manifest
        self.notices = notices
        self._folder = folder
        self._disk = disk

    def shards(self) -> Iterator[tuple[str, bytes]]:
        """Every shard with its content, read and verified anew.

        Raises JournalCorrupt, ReadFailed.
        """
        for shard, entry in self.manifest.files.items():
            try:
                yield shard, _read_state_file(self._disk, self._folder, entry)
            except Unusable as error:
                path = self._folder / entry.path
                hint = "It was whole a moment ago: look at the disk"
                raise JournalCorrupt("read", path, cause=str(error), hint=hint) from error
            except OSError as error:
                path = self._folder / entry.path
                raise ReadFailed("read", path, cause=str(error), hint=TRY_AGAIN) from error


class Checkpoints:
    """The two newest checkpoints of a tenant. Everything blocks; one thread at a time."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.folder = folder
        self.notices: tuple[str, ...] = ()
        self._disk = disk
        self._loaded = False
        # The newest good one, the one before it, and whether the newest bears its name.
        self._newest: Manifest | None = None
        self._older: Manifest | None = None
        self._newest_in_place = False
        # Whether files may lie there that no manifest names.
        self._is_littered = True
        self._starts_over = False

    def load(self) -> Checkpoint | None:
        """The newest good checkpoint; None when there is none (`notices` says why).

        Raises FormatTooNew when a newer release wrote it, ReadFailed when the folder cannot be
        listed.
        """
        problems: list[str] = []
        self._newest = self._inspect(NEWEST, problems)
        self._newest_in_place = self._newest is not None
        self._older = None
        self._loaded = self._is_littered = True
        if self._newest is None:
            self._newest = self._inspect(OLDER, problems)
            if self._newest is not None:
                problems.append(f"{OLDER}, the checkpoint before it, is used")
            elif problems:
                problems.append("no checkpoint is usable, so the whole journal is read")
        self.notices = tuple(problems)
        if self._newest is None:
            return None
        return Checkpoint(self.folder, self._disk, self._newest, self.notices)

    def start_over(self) -> None:
        """Find out what somebody else saved since, and build the next checkpoint on none of it.

        Raises FormatTooNew, ReadFailed.
        """
        self.load()
        self._starts_over = True

    @property
    def is_first(self) -> bool:
        """Whether the next checkpoint builds on none, so that it needs every shard."""
        return self._newest is None or self._starts_over

    @property
    def deadline_is_known(self) -> bool:
        """Whether the newest says when its state falls due; there being none counts as yes."""
        return self._newest is None or self._newest.next_deadline is not None

    @property
    def older_cursor(self) -> Cursor | None:
        """Where the older of the two stands: no start from either needs an event up to there."""
        return None if self._older is None else self._older.cursor

    def write(self, cursor: Cursor, changed: Mapping[str, bytes | None]) -> None:
        """Save the state at `cursor`: `changed` anew (None: gone), the rest as it was.

        Raises CheckpointFailed; what could be loaded before can be loaded still.
        """
        unfinished = self.begin(cursor)
        for shard, content in changed.items():
            unfinished.put(shard, content)
        self.finish(unfinished)

    def begin(self, cursor: Cursor, next_deadline: str | None = None) -> "Unfinished":
        """Begin to save the state at `cursor`; nothing has happened until it is finished.

        `next_deadline` is what the manifest will say of it. Raises CheckpointFailed.
        """
        if not self._loaded:
            raise RuntimeError("load before writing: what is not changed comes from what is there")
        if self._newest is not None and cursor.sequence < self._newest.cursor.sequence:
            raise ValueError(f"event {cursor.sequence} is older than the newest checkpoint")
        disk = GuardedDisk(self._disk)
        with _told_as_failure(self.folder):
            disk.make_folder(self.folder)
            self._demand_in_place()
        files = {} if self._newest is None or self._starts_over else self._newest.files
        base = Manifest(cursor, files, next_deadline)
        kept = {entry.path: entry for entry in self._entries_kept()}
        # What it writes belongs to nobody until its manifest is in place.
        was_littered, self._is_littered = self._is_littered, True
        return Unfinished(self.folder, disk, base, kept, was_littered)

    def finish(self, unfinished: "Unfinished") -> None:
        """Make it the newest checkpoint. Raises CheckpointFailed."""
        with _told_as_failure(self.folder):
            manifest = unfinished.synced()
            outdated = self._older
            self._put_in_place(unfinished.disk, manifest)
            self._starts_over = False
            if unfinished.on_litter:
                self._remove_unused(unfinished.disk, self._disk.files(self.folder))
            elif outdated is not None:
                self._remove_unused(unfinished.disk, _paths(outdated))
        self._is_littered = False

    def _demand_in_place(self) -> None:
        """Refuse to build on a checkpoint that somebody took away; the next starts anew."""
        if self._newest_in_place and not self._is_there(NEWEST):
            self._newest = self._older = None
            self._newest_in_place = False
            raise CheckpointFailed(
                "write",
                self.folder / NEWEST,
                cause="the checkpoint before it is gone",
                hint="The next one will hold everything",
            )

    def _is_there(self, name: str) -> bool:
        try:
            self._disk.close(self._disk.open(self.folder / name, "read"))
        except FileNotFoundError:
            return False
        return True

    def _inspect(self, name: str, problems: list[str]) -> Manifest | None:
        """A manifest with every file that it names, or a line more in `problems`."""
        path = self.folder / name
        try:
            manifest = decode_manifest(path, read_file(self._disk, path))
            for entry in manifest.files.values():
                _read_state_file(self._disk, self.folder, entry)
        except FileNotFoundError:
            if name == NEWEST and OLDER in _list(self._disk, self.folder):
                problems.append(f"{name} is missing")
            return None
        except (Unusable, OSError) as error:
            problems.append(f"{name} is not usable: {error}")
            return None
        return manifest

    def _put_in_place(self, disk: GuardedDisk, manifest: Manifest) -> None:
        newest = self.folder / NEWEST
        temporary = disk.temporary(newest)
        disk.close(disk.write_new(temporary, encode_manifest(manifest)))
        if self._newest_in_place:
            # Between the two renames only the older name exists: `load` takes that one.
            disk.rename(newest, self.folder / OLDER)
            self._newest_in_place = False
        disk.rename(temporary, newest)
        self._newest_in_place = True
        self._older, self._newest = self._newest, manifest
        if self._older is None:
            # Whatever bears that name was of no use, and its files go now.
            disk.unlink(self.folder / OLDER)
        disk.fsync_folder(self.folder)

    def _remove_unused(self, disk: GuardedDisk, names: Iterable[str]) -> None:
        """Remove what neither manifest names, of the files that are ours by their name."""
        kept = {path for each in (self._newest, self._older) if each for path in _paths(each)}
        for name in names:
            ours = _STATE_FILE.fullmatch(name) or name.endswith(TEMPORARY)
            if ours and name not in kept:
                disk.unlink(self.folder / name)

    def _entries_kept(self) -> Iterator[StateFile]:
        for manifest in (self._newest, self._older):
            if manifest is not None:
                yield from manifest.files.values()


class Unfinished:
    """A checkpoint that is being written; it may be dropped at any time. Blocks."""

    def __init__(
        self,
        folder: Path,
        disk: GuardedDisk,
        base: Manifest,
        kept: dict[str, StateFile],
        on_litter: bool,
    ) -> None:
        self.disk = disk
        #: Whether files may lie there that belong to no checkpoint, not even to this one.
        self.on_litter = on_litter
        self._folder = folder
        self.cursor = base.cursor
        self._next_deadline = base.next_deadline
        self._files = dict(base.files)
        self._taken = kept
        self._folders: set[Path] = set()

    def put(self, shard: str, content: bytes | None) -> None:
        """Save what a shard holds at the cursor; None when it is gone. Raises CheckpointFailed."""
        if not _SHARD.fullmatch(shard):
            raise ValueError(f"no shard can be called {shard!r}")
        if content is None:
            self._files.pop(shard, None)
            return
        entry = _free_entry(f"{shard}@{self.cursor.sequence}", content, self._taken)
        if entry.path not in self._taken:
            with _told_as_failure(self._folder):
                self._write(self._folder / entry.path, content)
            self._taken[entry.path] = entry
        self._files[shard] = entry

    def _write(self, path: Path, content: bytes) -> None:
        if path.parent not in self._folders:
            self.disk.make_folder(path.parent)
            self._folders.add(path.parent)
        self.disk.replace(path, content)

    def synced(self) -> Manifest:
        """What it consists of, all of it durable. Raises DiskFault."""
        for folder in sorted(self._folders):
            self.disk.fsync_folder(folder)
        return Manifest(self.cursor, self._files, self._next_deadline)


@contextmanager
def _told_as_failure(folder: Path) -> Iterator[None]:
    try:
        yield
    except DiskFault as fault:
        raise CheckpointFailed(
            fault.operation, fault.path, cause=fault.cause, hint=_HINT
        ) from fault
    except OSError as error:
        raise CheckpointFailed("read", folder, cause=str(error), hint=_HINT) from error


def _paths(manifest: Manifest) -> Iterable[str]:
    return (entry.path for entry in manifest.files.values())


def _free_entry(stem: str, content: bytes, taken: Mapping[str, StateFile]) -> StateFile:
    """A name for this content that no kept manifest uses for another."""
    entry = describe(f"{stem}.json", content)
    number = 0
    while taken.get(entry.path, entry) != entry:
        number += 1
        entry = entry._replace(path=f"{stem}-{number}.json")
    return entry


def _read_state_file(disk: Disk, folder: Path, entry: StateFile) -> bytes:
    try:
        content = read_file(disk, folder / entry.path)
    except FileNotFoundError:
        raise Unusable(f"{entry.path} is missing") from None
    if describe(entry.path, content) != entry:
        raise Unusable(f"{entry.path} is damaged")
    return content


def _list(disk: Disk, folder: Path) -> list[str]:
    try:
        return disk.files(folder)
    except OSError as error:
        raise ReadFailed("list", folder, cause=str(error), hint=TRY_AGAIN) from error
