"""Which column means what: as the caller says, else by the names that such columns usually have."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from holdfast.importer.errors import bad_data, usage
from holdfast.importer.table import Table

STORE: Final = "store"
SKU: Final = "sku"
QUANTITY: Final = "quantity"
TIME: Final = "time"

#: Says that no column holds the time.
NO_COLUMN: Final = "-"

#: Usual names, the most telling first, without what separates words.
_USUAL: Final[dict[str, tuple[str, ...]]] = {
    STORE: (
        "storeid", "store", "storeno", "storenumber", "storecode", "shopid", "shop",
        "branchid", "branch", "locationid", "location", "outletid", "outlet", "site",
    ),
    SKU: (
        "sku", "skuid", "productid", "productcode", "itemid", "itemcode", "itemno",
        "articleid", "articleno", "article", "product", "item", "gtin", "ean", "upc",
    ),
    QUANTITY: (
        "quantity", "qty", "units", "delta", "counted", "count", "onhand", "quantityonhand",
        "stock", "opening", "pieces",
    ),
    TIME: (
        "occurredat", "transactiontimestamp", "timestamp", "datetime", "soldat", "receivedat",
        "countedat", "transactiontime", "transactiondate", "time", "date",
    ),
}  # fmt: skip


class Columns(NamedTuple):
    """Where in a record each value stands."""

    store: int
    sku: int
    quantity: int
    time: int | None
    #: How many columns there are.
    width: int


class Wanted(NamedTuple):
    """The names of columns as the caller gave them; None is to be found out."""

    store: str | None = None
    sku: str | None = None
    quantity: str | None = None
    time: str | None = None


def resolve(table: Table, wanted: Wanted, options: str = "--") -> Columns:
    """Find the columns of a table.

    Args:
        table: whose columns are meant.
        wanted: what the caller said.
        options: how the options begin that name a column of this table.

    Raises:
        CommandFailed: one is not there, or cannot be told.
    """
    return Columns(
        _required(table, STORE, wanted.store, options),
        _required(table, SKU, wanted.sku, options),
        _required(table, QUANTITY, wanted.quantity, options),
        _time(table, wanted.time),
        len(table.columns),
    )


def _required(table: Table, role: str, name: str | None, options: str) -> int:
    if name is not None:
        return position(table, name, f"{options}{role}")
    found = usual(table, role)
    if found is None:
        raise bad_data(
            f"No column of {table.path} looks like the {role}; name it with {options}{role}. "
            f"{_existing(table)}"
        )
    return found


def _time(table: Table, name: str | None) -> int | None:
    if name == NO_COLUMN:
        return None
    return usual(table, TIME) if name is None else position(table, name, "--time")


def usual(table: Table, role: str) -> int | None:
    """Return the column that has a usual name for this role, or None."""
    plain = [re.sub(r"[\W_]", "", name.lower()) for name in table.columns]
    return next((plain.index(name) for name in _USUAL[role] if name in plain), None)


def position(table: Table, name: str, option: str) -> int:
    """Return where the column of that name stands.

    Raises:
        CommandFailed: there is none, or more than one.
    """
    name = name.strip()
    if name not in table.columns:
        raise bad_data(
            f"{table.path} has no column {name!r}, which {option} names. {_existing(table)}"
        )
    if table.columns.count(name) > 1:
        raise bad_data(f"{table.path} has more than one column {name!r}, which {option} names.")
    return table.columns.index(name)


def _existing(table: Table) -> str:
    return f"Its columns are {', '.join(table.columns)}."


def described(table: Table, columns: Columns) -> str:
    """Say which column means what."""
    time = "none" if columns.time is None else table.columns[columns.time]
    return (
        f"{table.path.name}: store is {table.columns[columns.store]}, "
        f"sku is {table.columns[columns.sku]}, "
        f"quantity is {table.columns[columns.quantity]}, time is {time}"
    )


class Condition(NamedTuple):
    """A column and a value in it."""

    column: int
    value: str
    #: As it was typed.
    text: str


class Filters:
    """Which records are meant: all of `only` (any value per column), none of `excluded`."""

    def __init__(self, only: Sequence[Condition] = (), excluded: Sequence[Condition] = ()) -> None:
        self.conditions = [*only, *excluded]
        self._excluded = [(c.column, c.value) for c in excluded]
        self._only: dict[int, set[str]] = {}
        for condition in only:
            self._only.setdefault(condition.column, set()).add(condition.value)

    def passes(self, record: list[str]) -> bool:
        """Tell whether a record is meant."""
        for column, value in self._excluded:
            if record[column].strip() == value:
                return False
        return all(record[column].strip() in values for column, values in self._only.items())


def parse_filters(table: Table, only: Iterable[str], excluded: Iterable[str]) -> Filters:
    """Read `COLUMN=VALUE` texts.

    Raises:
        CommandFailed: one has another form, or names no column.
    """
    return Filters(
        [_condition(table, text, "--only") for text in only],
        [_condition(table, text, "--except") for text in excluded],
    )


def _condition(table: Table, text: str, option: str) -> Condition:
    name, equals, value = text.partition("=")
    if not equals:
        raise usage(f"{option} takes COLUMN=VALUE, not {text!r}.")
    return Condition(position(table, name, option), value.strip(), f"{option} {text}")
