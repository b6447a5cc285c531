"""CSV files as they come: plain or gzipped, with or without a byte order mark, any line end.

Quotes are taken strictly. A quote that is opened and never closed would otherwise swallow the rest
of the file as one value, and its lines would be missed by nobody.
"""

import codecs
import csv
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Self

from holdfast.importer.errors import bad_data, usage

#: A line of a file: its number as editors count, the header being 1, and its values.
Record = tuple[int, list[str]]

_GZIP_MAGIC: Final = b"\x1f\x8b"
_DELIMITERS: Final = ",;\t|"
_DIGEST_BYTES: Final = 16


class _Identity(NamedTuple):
    """What tells that a file was replaced or written to."""

    inode: int
    size: int
    modified_ns: int


class Table:
    """A CSV file that can be read again and again, always with the same content."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self.encoding = _codec(encoding)
        self._identity: _Identity | None = None
        self.delimiter = ","
        self.columns: list[str] = []

    @classmethod
    def open(cls, path: Path, encoding: str = "utf-8") -> Self:
        """Look at a file's header.

        Raises:
            CommandFailed: it cannot be read, or has no header.
        """
        table = cls(path, encoding)
        with table._bytes() as raw, _text(raw, table.encoding) as text, table._reading():
            header = text.readline()
        table.delimiter = max(_DELIMITERS, key=header.count)
        if not header.strip(table.delimiter + " \r\n"):
            raise bad_data(f"{path} is empty: its first line must name the columns.")
        _, names = next(table._records())
        table.columns = [name.strip() for name in names]
        return table

    @property
    def stem(self) -> str:
        """The file's name without what says that it is a (compressed) CSV file."""
        return self.path.name.removesuffix(".gz").removesuffix(".csv")

    def digest(self) -> str:
        """Digest the content, uncompressed, so that packing a file does not make it another."""
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
        with self._bytes() as raw, self._reading():
            while block := raw.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def records(self) -> Iterator[Record]:
        """Read the lines behind the header; blank ones are left out.

        Raises:
            CommandFailed: the file cannot be read, or is not what it was.
        """
        records = self._records()
        next(records)
        yield from records

    def _records(self) -> Iterator[Record]:
        with self._bytes() as raw, _text(raw, self.encoding) as text:
            reader = csv.reader(text, delimiter=self.delimiter, strict=True)
            line = 1
            with self._reading(reader):
                for values in reader:
                    if values:
                        yield line, values
                    # A value with line breaks in it spans lines; the next record begins behind.
                    line = reader.line_num + 1

    @contextmanager
    def _bytes(self) -> Iterator[BinaryIO | gzip.GzipFile]:
        try:
            raw = self.path.open("rb")
        except OSError as error:
            raise bad_data(f"{self.path} cannot be read: {error.strerror}.") from error
        with raw:
            self._require_unchanged(raw)
            if raw.peek(2)[:2] == _GZIP_MAGIC:
                with gzip.open(raw) as unpacked:
                    yield unpacked
            else:
                yield raw

    def _require_unchanged(self, raw: BinaryIO) -> None:
        stat = os.fstat(raw.fileno())
        found = _Identity(stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if self._identity is None:
            self._identity = found
        elif found != self._identity:
            raise bad_data(f"{self.path} was changed while it was read; run the import again.")

    @contextmanager
    def _reading(self, reader: object = None) -> Iterator[None]:
        """Say what is wrong with a file, and where."""
        try:
            yield
        except UnicodeDecodeError as error:
            raise bad_data(
                f"{self.path} is not {error.encoding.upper()} text{self._behind(reader)}; "
                "name its encoding, as in --encoding cp1252."
            ) from error
        except csv.Error as error:
            raise bad_data(
                f"{self.path} is no well-formed CSV{self._behind(reader)}: {error}. "
                "Is a quotation mark missing?"
            ) from error
        except (EOFError, zlib.error, OSError) as error:
            raise bad_data(f"{self.path} cannot be read to its end: {error}.") from error

    @staticmethod
    def _behind(reader: object) -> str:
        line = getattr(reader, "line_num", 0)
        return f" near line {line}" if line else ""


def _codec(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise usage(f"There is no encoding named {encoding!r}; try utf-8 or cp1252.") from None
    return "utf-8-sig" if name == "utf-8" else name


@contextmanager
def _text(raw: BinaryIO | gzip.GzipFile, encoding: str) -> Iterator[io.TextIOWrapper]:
    text = io.TextIOWrapper(raw, encoding=encoding, newline="")
    try:
        yield text
    finally:
        # Whoever opened the bytes closes them.
        text.detach()
