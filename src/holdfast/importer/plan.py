"""What an import will send, and under which names: worked out before anything is sent.

The name of a load, unless the caller gives one, is made of the file's name and a digest of all that
decides what is sent: the content, the columns, the filters. So the same import repeated is the same
load, and nothing of it happens twice; another file, or the same one read otherwise, is another.
Movements and opening stock are named apart, so that opening stock that was forgotten can be loaded
later without selling everything again.
"""

import re
from dataclasses import dataclass
from datetime import UTC, tzinfo
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from holdfast.domain.values import is_id
from holdfast.importer.columns import (
    NO_COLUMN,
    Columns,
    Filters,
    Wanted,
    described,
    parse_filters,
    resolve,
)
from holdfast.importer.errors import usage
from holdfast.importer.load import Load
from holdfast.importer.rows import MOVEMENTS, Reader, encoder, instant_reader
from holdfast.importer.screen import Screen
from holdfast.importer.survey import Opening, Survey, survey
from holdfast.importer.table import Table

#: Instead of a file of opening stock: the least that the movements need.
DERIVE: Final = "derive"

ANY: Final = Wanted()

_DIGEST_BYTES: Final = 6
_STEM_MAX: Final = 32


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of an import."""

    file: Path
    url: str = "http://127.0.0.1:3000"
    wanted: Wanted = ANY
    movement: str = "sale"
    #: A CSV file, `DERIVE`, or nothing.
    opening: str | None = None
    opening_wanted: Wanted = ANY
    only: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    timezone: str = "UTC"
    time_format: str | None = None
    encoding: str = "utf-8"
    source: str | None = None
    rows_per_request: int = 2000
    refused: Path | None = None
    tenant: str | None = None
    patience_s: float = 60.0

    @property
    def inputs(self) -> list[Path]:
        """The files that are read."""
        return [self.file] if self.opening_file is None else [self.file, self.opening_file]

    @property
    def opening_file(self) -> Path | None:
        """The file of opening stock, if it comes from one."""
        return Path(self.opening) if self.opening and self.opening != DERIVE else None

    @property
    def refused_file(self) -> Path:
        """Where refused lines are written down."""
        stem = self.file.name.removesuffix(".gz").removesuffix(".csv")
        return self.refused or self.file.with_name(f"{stem}.refused.csv")


class Plan(NamedTuple):
    """The loads of an import, in the order in which they go."""

    opening: Load | None
    movements: Load
    survey: Survey


def make_plan(request: Request, screen: Screen) -> Plan:
    """Read the files once and work out what is to be sent.

    Raises:
        CommandFailed: the request or a file makes no sense.
    """
    movement = MOVEMENTS[request.movement]
    derived = _derived(request)
    table = Table.open(request.file, request.encoding)
    columns = resolve(table, request.wanted)
    filters = parse_filters(table, request.only, request.excluded)
    screen.tell(f"{described(table, columns)}. Each line is {movement.meaning}.")
    reader = _reader(request, table, columns, filters)
    found = survey(reader, derived)
    for condition in found.unmet:
        screen.tell(f"No line meets {condition.text}; is it spelt as in the file?")
    name = _name(request, table, columns)
    movements = Load(
        f"{name}.movements",
        table.path.name,
        reader.entries,
        encoder(movement),
        found.rows,
        found.refused,
    )
    opening = _derived_load(name, derived) if derived else _opening_load(request, screen)
    return Plan(opening, movements, found)


def _reader(request: Request, table: Table, columns: Columns, filters: Filters) -> Reader:
    instant = instant_reader(_zone(request.timezone), request.time_format)
    return Reader(table, columns, filters, instant)


def _derived(request: Request) -> Opening | None:
    if request.opening != DERIVE:
        return None
    if request.movement not in {"sale", "adjust"}:
        raise usage(
            f"--opening {DERIVE} works out what must have been there before goods went out, "
            "so it needs --movement sale or adjust."
        )
    return Opening(MOVEMENTS[request.movement])


def _derived_load(name: str, derived: Opening) -> Load:
    return Load(
        f"{name}.opening",
        "derived opening stock",
        derived.rows,
        encoder(MOVEMENTS["receive"]),
        len(derived),
    )


def _opening_load(request: Request, screen: Screen) -> Load | None:
    """Plan the load of opening stock; where columns are named as the movements', they mean that."""
    if request.opening_file is None:
        return None
    table = Table.open(request.opening_file, request.encoding)
    own, shared = request.opening_wanted, request.wanted
    wanted = Wanted(
        own.store or _if_there(table, shared.store),
        own.sku or _if_there(table, shared.sku),
        own.quantity or _if_there(table, shared.quantity),
        NO_COLUMN,
    )
    columns = resolve(table, wanted, "--opening-")
    screen.tell(f"{described(table, columns)}. Each line is opening stock.")
    reader = _reader(request, table, columns, Filters())
    found = survey(reader)
    return Load(
        f"{_name(request, table, columns)}.opening",
        table.path.name,
        reader.entries,
        encoder(MOVEMENTS["receive"]),
        found.rows,
        found.refused,
    )


def _if_there(table: Table, name: str | None) -> str | None:
    return name if name is not None and name.strip() in table.columns else None


def _name(request: Request, table: Table, columns: Columns) -> str:
    """Name what one file brings; see the module."""
    if request.source is not None:
        if not is_id(f"{request.source}.movements"):
            raise usage(
                "--source takes up to 54 letters, digits, dots, hyphens and underscores, and "
                f"begins with a letter or digit; {request.source!r} does not."
            )
        return request.source
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", table.stem).lstrip("-._")[:_STEM_MAX] or "file"
    deciding = (
        stem,
        table.digest(),
        [table.columns[at] for at in columns[:3]],
        None if columns.time is None else table.columns[columns.time],
        request.movement,
        sorted(request.only),
        sorted(request.excluded),
        request.timezone,
        request.time_format,
        table.encoding,
    )
    digest = blake2b(repr(deciding).encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{stem}-{digest}"


def _zone(name: str) -> tzinfo:
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise usage(
            f"There is no time zone {name!r}; --timezone takes names like Europe/Berlin."
        ) from None
