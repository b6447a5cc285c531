"""The first reading of a file: what is in it, and what must have been in the stores before.

Nothing is sent until a file was read to its end once, so that a file that breaks off, or a mapping
that fits no line of it, is found while it is still harmless.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from holdfast.domain.values import QUANTITY_MAX, is_id
from holdfast.importer.columns import Condition
from holdfast.importer.errors import bad_data
from holdfast.importer.rows import Movement, Reader, RefusedLine, Row

Place = tuple[str, str]


@dataclass(slots=True)
class Survey:
    """What a file holds."""

    lines: int = 0
    filtered: int = 0
    refused: int = 0
    first_refused: RefusedLine | None = None
    #: Conditions that no line met: perhaps they are misspelt.
    unmet: list[Condition] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many lines the server is to decide."""
        return self.lines - self.filtered - self.refused


class Opening:
    """The least stock that lets every movement of a file happen in the file's order.

    Two numbers per store and SKU are all that is kept, however long the file.
    """

    def __init__(self, movement: Movement) -> None:
        self._sign = -1 if movement.op == "ship" else 1
        self._balances: dict[Place, tuple[int, int]] = {}

    def note(self, row: Row) -> None:
        """Follow one movement; one that the server refuses anyway moves nothing."""
        if not self._counts(row):
            return
        place = (row.store, row.sku)
        balance, lowest = self._balances.get(place, (0, 0))
        balance += self._sign * row.quantity
        self._balances[place] = (balance, min(balance, lowest))

    def _counts(self, row: Row) -> bool:
        least = 1 if self._sign < 0 else -QUANTITY_MAX
        return least <= row.quantity <= QUANTITY_MAX and is_id(row.store) and is_id(row.sku)

    def rows(self) -> Iterator[Row]:
        """Return the opening stock, numbered in the order in which the file first names it."""
        needed = (item for item in self._balances.items() if item[1][1] < 0)
        for number, ((store, sku), (_, lowest)) in enumerate(needed, start=1):
            yield Row(number, store, sku, -lowest)

    def __len__(self) -> int:
        return sum(lowest < 0 for _, lowest in self._balances.values())


def survey(reader: Reader, opening: Opening | None = None) -> Survey:
    """Read a whole file.

    Raises:
        CommandFailed: it cannot be read to its end, or none of its lines can become a row.
    """
    result = Survey()
    conditions = _Conditions(reader)
    for line, record in reader.table.records():
        result.lines += 1
        entry = reader.entry(line, record)
        if isinstance(entry, RefusedLine):
            result.refused += 1
            result.first_refused = result.first_refused or entry
        elif entry is None:
            result.filtered += 1
        elif opening is not None:
            opening.note(entry)
        if conditions.waiting:
            conditions.note(record)
    result.unmet = list(conditions.waiting)
    first = result.first_refused
    if first is not None and result.rows == 0:
        raise bad_data(
            f"No line of {reader.table.path} can be imported, so nothing was sent. "
            f"Line {first.line}, for one: {first.reason}"
        )
    return result


class _Conditions:
    """The filters' conditions that no line has met so far."""

    def __init__(self, reader: Reader) -> None:
        self.waiting: list[Condition] = list(reader.filters.conditions)

    def note(self, record: list[str]) -> None:
        self.waiting = [
            condition
            for condition in self.waiting
            if condition.column >= len(record)
            or record[condition.column].strip() != condition.value
        ]
