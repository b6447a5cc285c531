"""Both checkpoints of a tenant as they lie on disk, for somebody who compares them.

A start takes the newest one that is whole. Whoever wants to know whether every file says what it
should needs both of them, and what is wrong with each.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from holdfast.journal.checkpoint import NEWEST, OLDER
from holdfast.journal.disk import Disk, read_file
from holdfast.journal.errors import FormatTooNew
from holdfast.journal.frame import START, Cursor
from holdfast.journal.manifest import StateFile, Unusable, decode_manifest, describe

#: A running service may replace a checkpoint while its files are being read.
_ATTEMPTS: Final = 10


class SavedShard(NamedTuple):
    """A file that a manifest names; `problem` says why its content is not to be trusted."""

    shard: str
    path: Path
    content: bytes
    problem: str | None


class Saved(NamedTuple):
    """A manifest with its files; `problem` says why it names none that can be looked at."""

    path: Path
    cursor: Cursor
    shards: tuple[SavedShard, ...]
    problem: str | None = None


def saved_checkpoints(folder: Path, disk: Disk) -> list[Saved]:
    """The current checkpoint and its predecessor, as far as there are any; newest first.

    Every file that they name is in memory then; one that both name is there once.
    Blocks. Raises FormatTooNew when a newer release wrote one, and OSError.
    """
    for _ in range(_ATTEMPTS):
        manifests = _manifests(folder, disk)
        found = list(_found(folder, disk, manifests))
        if manifests == _manifests(folder, disk):
            return found
    raise OSError(f"the checkpoints in {folder} are replaced faster than they can be read")


def _manifests(folder: Path, disk: Disk) -> dict[str, bytes]:
    content: dict[str, bytes] = {}
    for name in (NEWEST, OLDER):
        try:
            content[name] = read_file(disk, folder / name)
        except FileNotFoundError:
            continue
    return content


def _found(folder: Path, disk: Disk, manifests: dict[str, bytes]) -> Iterator[Saved]:
    known: dict[StateFile, SavedShard] = {}
    for name, content in manifests.items():
        path = folder / name
        try:
            manifest = decode_manifest(path, content)
        except FormatTooNew:
            raise
        except Unusable as error:
            yield Saved(path, START, (), str(error))
            continue
        for shard, entry in manifest.files.items():
            if entry not in known:
                known[entry] = _shard(folder, disk, shard, entry)
        shards = tuple(known[entry] for entry in manifest.files.values())
        yield Saved(path, manifest.cursor, shards)


def _shard(folder: Path, disk: Disk, shard: str, entry: StateFile) -> SavedShard:
    path = folder / entry.path
    try:
        content = read_file(disk, path)
    except FileNotFoundError:
        return SavedShard(shard, path, b"", "the file is missing")
    problem = None
    if describe(entry.path, content) != entry:
        problem = "size or SHA-256 are not those that the manifest names"
    return SavedShard(shard, path, content, problem)
