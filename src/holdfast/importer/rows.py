"""From a line of a file to a row of a batch; what cannot become one is refused right here.

Everything that a row can say is left for the server to judge, a quantity of 0 included, so that
there is one place where such lines are refused and listed. Only what has no place in a row is
refused here: by the line alone, so that each run of an import refuses the same lines.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NamedTuple

import orjson

from holdfast.importer.columns import Columns, Filters
from holdfast.importer.table import Table

_QUOTED_MAX: Final = 64
#: 18 digits fit the 64 bits that every JSON library has; the server knows the real bounds.
_INTEGRAL: Final = re.compile(r"([+-]?[0-9]{1,18})(?:\.0*)?")

UNREADABLE: Final = "unreadable"


class Movement(NamedTuple):
    """What a line of the file stands for: an operation of the batch and its quantity's name."""

    op: str
    field: str
    meaning: str


MOVEMENTS: Final[dict[str, Movement]] = {
    "sale": Movement("ship", "qty", "a sale"),
    "receive": Movement("receive", "qty", "a delivery"),
    "adjust": Movement("adjust", "delta", "a correction"),
    "count": Movement("count", "counted", "a count"),
}


class Row(NamedTuple):
    """A line that the server decides."""

    line: int
    store: str
    sku: str
    quantity: int
    occurred_at: str | None = None


class RefusedLine(NamedTuple):
    """A line that was refused, here or by the server, and why."""

    line: int
    store: str
    sku: str
    quantity: str
    code: str
    reason: str


Entry = Row | RefusedLine


class Reader:
    """Reads the rows of one table, always the same ones."""

    def __init__(
        self,
        table: Table,
        columns: Columns,
        filters: Filters,
        instant: Callable[[str], str],
    ) -> None:
        self.table = table
        self._columns = columns
        self.filters = filters
        self._instant = instant

    def entries(self) -> Iterator[Entry]:
        """Read every line that the filters let through."""
        for line, record in self.table.records():
            entry = self.entry(line, record)
            if entry is not None:
                yield entry

    def entry(self, line: int, record: list[str]) -> Entry | None:
        """Make one line a row; None: the filters leave it out."""
        columns = self._columns
        if len(record) != columns.width:
            short = self._misshapen(line, record)
            if short is not None:
                return short
        if not self.filters.passes(record):
            return None
        store = record[columns.store].strip()
        sku = record[columns.sku].strip()
        said = record[columns.quantity].strip()
        integral = _INTEGRAL.fullmatch(said)
        if integral is None:
            what = f"{_quoted(said)} is not a whole number" if said else "is missing"
            return RefusedLine(line, store, sku, said, UNREADABLE, f"The quantity {what}.")
        quantity = int(integral[1])
        time = "" if columns.time is None else record[columns.time].strip()
        if not time:
            return Row(line, store, sku, quantity)
        try:
            return Row(line, store, sku, quantity, self._instant(time))
        except (ValueError, OverflowError):
            reason = f"The time {_quoted(time)} cannot be read."
            return RefusedLine(line, store, sku, said, UNREADABLE, reason)

    def _misshapen(self, line: int, record: list[str]) -> RefusedLine | None:
        """Refuse a line with too few or too many values; empty ones at its end do no harm."""
        columns = self._columns
        surplus = record[columns.width :]
        if surplus and not any(value.strip() for value in surplus):
            return None

        def value(at: int) -> str:
            return record[at].strip() if at < len(record) else ""

        reason = f"The line has {len(record)} values for {columns.width} columns."
        places = (value(columns.store), value(columns.sku), value(columns.quantity))
        return RefusedLine(line, *places, UNREADABLE, reason)


def _quoted(text: str) -> str:
    cut = text if len(text) <= _QUOTED_MAX else text[:_QUOTED_MAX] + "…"
    return f"“{cut}”"


def instant_reader(zone: tzinfo, form: str | None) -> Callable[[str], str]:
    """Return what reads a time and writes it as UTC.

    Args:
        zone: of times that name none.
        form: as for `strptime`; None: ISO 8601.
    """

    def read(text: str) -> str:
        moment = datetime.fromisoformat(text) if form is None else _parsed(text, form)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"

    return read


def _parsed(text: str, form: str) -> datetime:
    return datetime.strptime(text, form)  # noqa: DTZ007 - a zone is added where the text has none


def encoder(movement: Movement) -> Callable[[Row], bytes]:
    """Return what writes a row as a line of the batch."""
    op, field = movement.op, movement.field

    def encode(row: Row) -> bytes:
        line, store, sku, quantity, occurred_at = row
        fields: dict[str, Any] = {
            "op": op,
            "line": line,
            "storeId": store,
            "sku": sku,
            field: quantity,
        }
        if occurred_at is not None:
            fields["occurredAt"] = occurred_at
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)

    return encode
