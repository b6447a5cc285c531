"""A checkpoint on disk beside the service that makes them, read in parts.

Whoever wants a few records as they were looks for their lines in the files that may hold them, one
file at a time, and needs neither the whole state nor its memory.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from holdfast.journal.checkpoint import NEWEST, OLDER
from holdfast.journal.disk import Disk, read_file
from holdfast.journal.frame import Cursor
from holdfast.journal.manifest import Manifest, Unusable, decode_manifest, describe


class Retained(NamedTuple):
    """A checkpoint; its files may be replaced by a newer one's at any time."""

    folder: Path
    disk: Disk
    manifest: Manifest

    @property
    def cursor(self) -> Cursor:
        """The event behind which it was made."""
        return self.manifest.cursor

    def shards(self, prefix: str) -> list[str]:
        """The names of the shards that begin with `prefix`, sorted."""
        return sorted(name for name in self.manifest.files if name.startswith(prefix))

    def lines(self, shard: str, text: bytes = b"") -> Iterator[bytes]:
        """The records of a shard whose JSON holds `text`, each as a line, in the shard's order.

        Blocks. Raises Unusable when the file is gone, or not what the manifest says.
        """
        entry = self.manifest.files[shard]
        try:
            content = read_file(self.disk, self.folder / entry.path)
        except OSError as error:
            raise Unusable(f"{entry.path} cannot be read: {error}") from error
        if describe(entry.path, content) != entry:
            raise Unusable(f"{entry.path} is damaged")
        if text not in content:
            return iter(())
        lines = content.splitlines()[1:-1]
        return (line.rstrip(b",") for line in lines if text in line)


def retained_at(folder: Path, disk: Disk, sequence: int) -> Retained | None:
    """The newest checkpoint that holds nothing later than that event, or None. Blocks.

    One that cannot be read counts as not there: the journal knows the same. Raises FormatTooNew.
    """
    for name in (NEWEST, OLDER):
        try:
            manifest = decode_manifest(folder / name, read_file(disk, folder / name))
        except (Unusable, OSError):
            continue
        if manifest.cursor.sequence <= sequence:
            return Retained(folder, disk, manifest)
    return None
