"""The file of refused lines: written whole, at the end, from what the server keeps and the CSV says."""

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from holdfast.importer.errors import TRY_AGAIN, CommandFailed, bad_data
from holdfast.importer.rows import RefusedLine

HEADER: Final = ("file", "line", "store", "sku", "quantity", "code", "reason")

#: The refused lines of one file, by its title.
Part = tuple[str, Iterable[RefusedLine]]


def require_writable(path: Path, inputs: Iterable[Path]) -> None:
    """Find out before anything is loaded whether the refused lines can be written down.

    Raises:
        CommandFailed: they cannot, or would take an input's place.
    """
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise bad_data(f"{path} cannot be written; name another file with --refused.")
    if any(path.exists() and path.samefile(given) for given in inputs if given.exists()):
        raise bad_data(f"--refused names {path}, which is to be imported.")


def write(path: Path, parts: Iterable[Part]) -> int:
    """Replace the file by the refused lines; where there are none, none is made.

    Returns:
        How many there are.

    Raises:
        CommandFailed: the file cannot be written.
    """
    count = 0
    try:
        with _replacing(path) as rows:
            for title, lines in parts:
                for line in lines:
                    rows.append(title, line)
                    count += 1
            rows.keep = count > 0 or path.exists()
    except OSError as error:
        raise CommandFailed(
            f"Everything is loaded, but {path} cannot be written: {error.strerror}. "
            "Run the import again to get the list of refused lines.",
            TRY_AGAIN,
        ) from error
    return count


class _Rows:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.keep = False
        self._file = path.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file)
        self._csv.writerow(HEADER)

    def append(self, title: str, line: RefusedLine) -> None:
        self._csv.writerow((title, *line))

    def close(self) -> None:
        self._file.close()


@contextmanager
def _replacing(path: Path) -> Iterator[_Rows]:
    """Write beside the file; only a complete one takes its name.

    Two imports of the same file may end at the same moment, so each has a draft of its own.
    """
    rows = _Rows(path.with_name(f"{path.name}.{os.getpid()}.tmp"))
    try:
        yield rows
        rows.close()
        if rows.keep:
            rows.path.replace(path)
    finally:
        rows.close()
        rows.path.unlink(missing_ok=True)
