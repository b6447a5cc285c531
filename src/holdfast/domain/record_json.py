"""Records as JSON that a person can read: names in camelCase, instants as ISO text.

What is None is left out. A field that is absent gets its default, so a record may grow fields
that have one, and what an older release wrote is still read. Stock records and reservations, of
which there are many, are written by hand in `events`.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from holdfast.domain.records import (
    ALERT,
    DOMAIN,
    ITEM,
    LOW_STOCK,
    MENU_ITEM,
    ORDER,
    STORE,
    TABLES,
    TENANT,
    TOMBSTONE,
    USER,
    Alert,
    Change,
    Item,
    Json,
    Line,
    LowStock,
    MenuItem,
    Order,
    OrderItem,
    Store,
    Tombstone,
)
from holdfast.domain.tenants import Domain, Tenant
from holdfast.domain.users import User
from holdfast.domain.values import instant_ms, instant_text

#: Where an event names the records that are no more: their keys, by table.
DELETED: Final = "deleted"


class Form(NamedTuple):
    """How a value is written as JSON, and read again."""

    write: Callable[[Any], Json]
    read: Callable[[Json], Any]


INSTANT: Final = Form(instant_text, instant_ms)
_TEXTS: Final = Form(list, tuple)


def _each(kind: Any) -> Form:  # noqa: ANN401 - a class of named tuples
    """Write a tuple of plain named tuples as a list of objects."""
    return Form(
        lambda parts: [part._asdict() for part in parts],
        lambda raw: tuple(kind(**part) for part in raw),
    )


def form_of(kind: Any, **special: Form) -> Form:  # noqa: ANN401 - a class of named tuples
    """Make the form of a record of plain fields; `special` has those that are not plain."""
    names = {field: _camel_case(field) for field in kind._fields}
    plain = Form(lambda value: value, lambda raw: raw)
    fields = [(names[field], special.get(field, plain)) for field in kind._fields]

    def write(record: Any) -> Json:  # noqa: ANN401 - a record of that kind
        return {
            name: form.write(value)
            for (name, form), value in zip(fields, record, strict=True)
            if value is not None
        }

    def read(raw: Json) -> Any:  # noqa: ANN401 - a record of that kind
        known = {field: raw[name] for field, name in names.items() if name in raw}
        for field, form in special.items():
            if field in known:
                known[field] = form.read(known[field])
        missing = (field for field in kind._fields if field not in known)
        return kind(**known, **{field: kind._field_defaults.get(field) for field in missing})

    return Form(write, read)


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


#: By the table's name: how its records are written in events and checkpoints.
FORMS: Final[dict[str, Form]] = {
    STORE.name: form_of(Store, created_at=INSTANT, updated_at=INSTANT),
    ITEM.name: form_of(Item, updated_at=INSTANT),
    MENU_ITEM.name: form_of(MenuItem, recipe=_each(Line), updated_at=INSTANT),
    ORDER.name: form_of(
        Order,
        items=_each(OrderItem),
        created_at=INSTANT,
        expires_at=INSTANT,
        ended_at=INSTANT,
        kept_until=INSTANT,
    ),
    ALERT.name: form_of(
        Alert,
        opened_at=INSTANT,
        acknowledged_at=INSTANT,
        resolved_at=INSTANT,
        kept_until=INSTANT,
    ),
    LOW_STOCK.name: form_of(LowStock),
    TOMBSTONE.name: form_of(Tombstone, key=_TEXTS),
    TENANT.name: form_of(Tenant, created_at=INSTANT, updated_at=INSTANT),
    DOMAIN.name: form_of(Domain),
    USER.name: form_of(
        User, roles=_TEXTS, tokens_from=INSTANT, created_at=INSTANT, updated_at=INSTANT
    ),
}
_NAMES: Final = frozenset({*FORMS, DELETED})


def add_records(payload: dict[str, Json], records: Iterable[Change]) -> None:
    """Write records under their tables' names, and the keys of those that were deleted."""
    for table, key, record in records:
        if record is None:
            payload.setdefault(DELETED, {}).setdefault(table.name, []).append(list(key))
        else:
            payload.setdefault(table.name, []).append(FORMS[table.name].write(record))


def take_records(payload: dict[str, Json]) -> tuple[Change, ...]:
    """Take out of `payload` what `add_records` put into it."""
    if _NAMES.isdisjoint(payload):
        return ()
    deleted = payload.pop(DELETED, {})
    taken: list[Change] = []
    for name in [name for name in payload if name in FORMS]:
        read = FORMS[name].read
        records = [read(raw) for raw in payload.pop(name)]
        taken += [(TABLES[name], record.key, record) for record in records]
    for name, keys in deleted.items():
        taken += [(TABLES[name], tuple(key), None) for key in keys]
    return tuple(taken)
