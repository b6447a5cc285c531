"""What a machine's files are: what readers see, what survives a power cut, and what may.

Between two syncs a write is only in the page cache. At a power cut each sector that was written
since is on the platter as it was after any one of its writes, or torn inside the newest; a file
that grew may have its size without its content; and of the names that were not synced with their
folder any may be missing. What was synced stays.
"""

import random
from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice, product
from pathlib import Path
from typing import Final

SECTOR_BYTES: Final = 512
#: With no more ways than these a power cut is tried in all of its ways.
WAYS_MAX: Final = 64
_TORN_SHARE: Final = 0.2


class File:
    """The content of one file: what is seen, what is durable, and the writes between the two."""

    __slots__ = ("durable", "pending", "seen")

    def __init__(self, content: bytes = b"") -> None:
        self.seen = bytearray(content)
        self.durable = bytes(content)
        self.pending: list[tuple[int, bytes]] = []

    def write(self, offset: int, data: bytes) -> None:
        _place(self.seen, offset, data)
        self.pending.append((offset, data))

    def sync(self) -> None:
        if self.pending:
            content = bytearray(self.durable)
            for offset, data in self.pending:
                _place(content, offset, data)
            self.durable = bytes(content)
            self.pending = []

    def sectors(self) -> dict[int, list[tuple[int, bytes]]]:
        """The pieces of pending writes by the sector that they fall in, in their order."""
        found: dict[int, list[tuple[int, bytes]]] = {}
        for offset, data in self.pending:
            start = 0
            while start < len(data):
                sector = (offset + start) // SECTOR_BYTES
                end = min(len(data), (sector + 1) * SECTOR_BYTES - offset)
                found.setdefault(sector, []).append((offset + start, data[start:end]))
                start = end
        return found

    def lose(self, rng: random.Random) -> None:
        """A sync failed: any part is on the platter, and all of it counts as clean from now on."""
        self.durable = self._with([_some(rng, len(each)) for each in self.sectors().values()], rng)
        self.pending = []

    def _with(self, versions: "list[int]", rng: random.Random | None) -> bytes:
        """The content when of each pending sector so many writes have arrived."""
        content = bytearray(self.durable)
        for version, pieces in zip(versions, self.sectors().values(), strict=True):
            for number, (offset, piece) in enumerate(pieces[:version], start=1):
                if rng is not None and number == version and rng.random() < _TORN_SHARE:
                    _place(content, offset, piece[: rng.randrange(len(piece))])
                else:
                    _place(content, offset, piece)
        return bytes(content)

    def after(self, versions: "list[int]", grown: bool, rng: random.Random | None) -> "File":
        """What the next machine finds."""
        content = self._with(versions, rng)
        if grown:
            content = content.ljust(len(self.seen), b"\0")
        return File(content)


def _place(content: bytearray, offset: int, data: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _some(rng: random.Random, most: int) -> int:
    return rng.choice((0, most, rng.randint(0, most)))


class Naming:
    """A name that is given, or (no file) taken away; `moved` is where the file went before."""

    __slots__ = ("file", "moved", "path")

    def __init__(self, path: Path, file: File | None, moved: "Naming | None" = None) -> None:
        self.path = path
        self.file = file
        self.moved = moved

    def apply(self, names: dict[Path, File]) -> None:
        if self.moved is not None:
            # A rename never loses the file: it has its new name before the old one goes.
            self.moved.apply(names)
        if self.file is None:
            names.pop(self.path, None)
        else:
            names[self.path] = self.file


class Platter:
    """The files of a machine."""

    def __init__(self) -> None:
        self.seen: dict[Path, File] = {}
        self.durable: dict[Path, File] = {}
        #: By folder: names that were given or taken since it was synced last, in their order.
        self.pending: dict[Path, list[Naming]] = {}

    def name(self, path: Path, file: File | None, moved: Naming | None = None) -> None:
        naming = Naming(path, file, moved)
        naming.apply(self.seen)
        self.pending.setdefault(path.parent, []).append(naming)

    def rename(self, source: Path, target: Path) -> None:
        file = self.seen[source]
        if source.parent == target.parent:
            self.name(source, None, Naming(target, file))
        else:
            self.name(target, file)
            self.name(source, None, Naming(target, file))

    def sync_folder(self, folder: Path) -> None:
        for naming in self.pending.pop(folder, []):
            naming.apply(self.durable)

    # What is left.

    def killed(self) -> "Platter":
        """What the next process finds on the running machine: the same page cache, to itself."""
        copies: dict[int, File] = {}

        def copy(file: File) -> File:
            if id(file) not in copies:
                made = copies[id(file)] = File()
                made.seen, made.durable = bytearray(file.seen), file.durable
                made.pending = list(file.pending)
            return copies[id(file)]

        def copy_naming(naming: Naming) -> Naming:
            moved = None if naming.moved is None else copy_naming(naming.moved)
            file = None if naming.file is None else copy(naming.file)
            return Naming(naming.path, file, moved)

        left = Platter()
        left.seen = {path: copy(file) for path, file in self.seen.items()}
        left.durable = {path: copy(file) for path, file in self.durable.items()}
        left.pending = {
            folder: [copy_naming(each) for each in namings]
            for folder, namings in self.pending.items()
        }
        return left

    def cut(self, rng: random.Random) -> "Platter":
        """What is left after a power cut, one of the many ways."""
        return next(self.cuts(rng, 1))

    def cuts(self, rng: random.Random, count: int) -> Iterator["Platter"]:
        """Ways in which a power cut may end: all of them if they are few, else `count` drawn."""
        namings = [each for folder in self.pending.values() for each in folder]
        ways = 2 ** len(namings) if len(namings) < 10 else WAYS_MAX + 1
        for file in self._files():
            for pieces in file.sectors().values():
                ways = min(ways * (len(pieces) + 1), WAYS_MAX + 1)
        if count > 1 and ways <= WAYS_MAX:
            yield from self._all_cuts(namings)
            yield from islice(self._drawn_cuts(namings, rng), count // 8)
        else:
            yield from islice(self._drawn_cuts(namings, rng), count)

    def _files(self) -> list[File]:
        files: dict[int, File] = {id(file): file for file in self.durable.values()}
        for folder in self.pending.values():
            for naming in folder:
                for each in (naming, naming.moved):
                    if each is not None and each.file is not None:
                        files[id(each.file)] = each.file
        return [file for file in files.values() if file.pending]

    def _all_cuts(self, namings: list[Naming]) -> Iterator["Platter"]:
        files = self._files()
        choices = [
            [list(each) for each in product(*(range(len(p) + 1) for p in file.sectors().values()))]
            for file in files
        ]
        for named in product((True, False), repeat=len(namings)):
            kept = [each for each, keep in zip(namings, named, strict=True) if keep]
            for versions in product(*choices):
                yield self._after(kept, dict(zip(map(id, files), versions, strict=True)))

    def _drawn_cuts(self, namings: list[Naming], rng: random.Random) -> Iterator["Platter"]:
        files = self._files()
        while True:
            share = rng.choice((0.0, 0.5, 1.0, rng.random()))
            if rng.random() < 0.5:
                kept = [each for each in namings if rng.random() < share]
            else:
                kept = namings[: int(share * len(namings) + 0.5)]
            versions = {
                id(file): [_some(rng, len(each)) for each in file.sectors().values()]
                for file in files
            }
            yield self._after(kept, versions, rng)

    def _after(
        self, kept: list[Naming], versions: dict[int, list[int]], rng: random.Random | None = None
    ) -> "Platter":
        names = dict(self.durable)
        for naming in kept:
            naming.apply(names)
        left = Platter()
        for path, file in names.items():
            if file.pending:
                grown = rng is not None and rng.random() < _TORN_SHARE
                left.seen[path] = file.after(versions[id(file)], grown, rng)
            else:
                left.seen[path] = File(file.durable)
        left.durable = dict(left.seen)
        return left

    def digest(self) -> bytes:
        """Tells whether two machines show the same files."""
        told = blake2b(digest_size=16)
        for path in sorted(self.seen):
            told.update(b"%b\0%d\0" % (str(path).encode(), len(self.seen[path].seen)))
            told.update(self.seen[path].seen)
        return told.digest()
