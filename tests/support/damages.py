"""Every damage that a folder of files can suffer: a byte, a length, a file, two files."""

import random
import re
from collections.abc import Iterator
from itertools import combinations, permutations
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.small_folder import JOURNAL, STATE, Files

_DIGITS: Final = b"0123456789"
_FIELD: Final = re.compile(rb"[^ \n]+| ")
_LINE_FEED: Final = re.compile(rb"\n")
#: The fields of a line of the journal end here; what follows is the event.
_FIELDS_BYTES: Final = 100


class Damage(NamedTuple):
    """What was done, in words, and the files that it changed (None: gone)."""

    kind: str
    name: str
    changed: dict[Path, bytes | None]

    def applied_to(self, files: Files) -> Files:
        """The files as they are after it."""
        changed = {**files, **self.changed}
        return {path: content for path, content in changed.items() if content is not None}


def values_for(byte: int) -> list[int]:
    """What a byte may turn into: a bit flipped, a byte of note, another digit."""
    digit = _DIGITS[(_DIGITS.find(byte) + 1) % 10]
    values = [*(byte ^ 1 << bit for bit in range(8)), 0x00, 0xFF, 0x0A, 0x20, digit]
    return sorted(set(values) - {byte})


def flips(files: Files) -> Iterator[Damage]:
    """Every byte of every file, turned into each of its values."""
    for path, content in files.items():
        for offset in range(len(content)):
            yield from flips_at(path, content, offset)


def flips_at(path: Path, content: bytes, offset: int) -> Iterator[Damage]:
    for value in values_for(content[offset]):
        harmed = content[:offset] + bytes([value]) + content[offset + 1 :]
        name = f"{path.name}: byte {offset} is {value:#04x}, not {content[offset]:#04x}"
        yield Damage("flip", name, {path: harmed})


def one_flip_per_field(files: Files, rng: random.Random) -> Iterator[Damage]:
    """In every line of the journal, a byte of each of its fields, and of what parts them."""
    for path, content in files.items():
        if JOURNAL not in path.parents:
            continue
        for line in re.finditer(rb".+\n", content):
            fields = _FIELD.finditer(content, line.start(), line.start() + _FIELDS_BYTES)
            for field in [*fields, _LINE_FEED.search(content, line.start())]:
                if field is not None and field.end() <= line.end():
                    offset = rng.randrange(field.start(), field.end())
                    yield rng.choice(list(flips_at(path, content, offset)))


def truncations(files: Files) -> Iterator[Damage]:
    """Every file, cut off at every length."""
    for path, content in files.items():
        for length in range(len(content)):
            yield Damage("truncation", f"{path.name}: {length} bytes", {path: content[:length]})


def whole_files(files: Files) -> Iterator[Damage]:
    """Files removed, swapped, copied over each other or under another name, zeroed, extended."""
    for path, content in files.items():
        yield Damage("removed", path.name, {path: None})
        yield Damage("zeroed", path.name, {path: bytes(len(content))})
        yield from _extended(path, content, files)
        yield from _duplicated(path, content)
    for one, other in combinations(files, 2):
        swapped: dict[Path, bytes | None] = {one: files[other], other: files[one]}
        yield Damage("swapped", f"{one.name} and {other.name}", swapped)
        yield Damage("both removed", f"{one.name} and {other.name}", {one: None, other: None})
    for source, target in permutations(files, 2):
        yield Damage("copied over", f"{source.name} to {target.name}", {target: files[source]})
    for folder in (JOURNAL, STATE):
        gone: dict[Path, bytes | None] = {p: None for p in files if p.is_relative_to(folder)}
        if gone:
            yield Damage("folder removed", folder.name, gone)


def _extended(path: Path, content: bytes, files: Files) -> Iterator[Damage]:
    lines = {line for each in files.values() for line in each.split(b"\n") if line}
    tails = [b"\0", b"\n", b" ", b"garbage", b"garbage\n", bytes(512), b"\n" * 512, content]
    for tail in [*tails, *sorted(line + b"\n" for line in lines)]:
        yield Damage("appended", f"{path.name}: {tail[:40]!r}", {path: content + tail})


def _duplicated(path: Path, content: bytes) -> Iterator[Damage]:
    names = [path.name + ".bak", "copy of " + path.name, path.name + ".1.tmp"]
    if path.suffix == ".log":
        names += [f"{9:08d}{path.name[8:]}", f"{path.name[:9]}{99:020d}.log"]
    for name in names:
        yield Damage("duplicated", f"{path.name} as {name}", {path.with_name(name): content})


def pairs(files: Files, rng: random.Random, count: int) -> Iterator[Damage]:
    """Two damages at once, drawn."""
    everything = [path for path, content in files.items() if content]
    for _ in range(count):
        first, second = (drawn(files, rng.choice(everything), rng) for _ in range(2))
        if first.changed.keys().isdisjoint(second.changed):
            name = f"{first.name}; {second.name}"
            yield Damage("pair", name, {**first.changed, **second.changed})


def drawn(files: Files, path: Path, rng: random.Random) -> Damage:
    """One damage of this file: mostly a byte, at times a lost end or the whole of it."""
    content = files[path]
    offset = rng.randrange(len(content))
    if rng.random() < 0.2:
        return Damage("truncation", f"{path.name}: {offset} bytes", {path: content[:offset]})
    if rng.random() < 0.1:
        return Damage("removed", path.name, {path: None})
    return rng.choice(list(flips_at(path, content, offset)))


def one_flip_per_byte(files: Files, rng: random.Random) -> Iterator[Damage]:
    """Every byte of every file once, turned into a value that is drawn."""
    for path, content in files.items():
        for offset in range(len(content)):
            yield rng.choice(list(flips_at(path, content, offset)))
