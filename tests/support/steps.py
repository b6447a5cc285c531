"""What customers and clerks do, as plain data: a model can follow it, and a ledger can execute it."""

from collections.abc import Mapping
from itertools import count
from typing import Any, Final, NamedTuple

from holdfast.domain.commands import (
    Action,
    AdjustStock,
    ApplyBatch,
    CancelReservation,
    Command,
    ConfirmReservation,
    CountStock,
    ExtendReservation,
    Idempotency,
    ReceiveStock,
    ReserveStock,
    RowAction,
    SetOut,
    ShipStock,
    SourceLine,
    TransferStock,
)
from holdfast.domain.records import Line
from tests.support.kitchen_steps import KITCHEN_ACTIONS

_RETENTION_MS: Final = 30 * 24 * 3600 * 1000
_SIMPLE: Final[Mapping[str, tuple[Any, dict[str, str]]]] = {
    "adjust": (AdjustStock, {"store": "store_id", "expected": "expected_version"}),
    "count": (CountStock, {"store": "store_id", "expected": "expected_version"}),
    "receive": (ReceiveStock, {"store": "store_id", "expected": "expected_version"}),
    "ship": (ShipStock, {"store": "store_id", "expected": "expected_version"}),
    "out": (
        SetOut,
        {"store": "store_id", "out": "is_out", "expected": "expected_version"},
    ),
    "confirm": (
        ConfirmReservation,
        {"id": "reservation_id", "user": "user_id", "expected": "expected_version"},
    ),
    "cancel": (
        CancelReservation,
        {"id": "reservation_id", "user": "user_id", "expected": "expected_version"},
    ),
    "extend": (
        ExtendReservation,
        {
            "id": "reservation_id",
            "user": "user_id",
            "ttl": "ttl_ms",
            "expected": "expected_version",
        },
    ),
}


#: The edge makes up an id for these.
MAKES_AN_ID: Final = frozenset({"reserve", "order"})


class Step(NamedTuple):
    """One request: a verb with its fields, and the key that guards its repetition."""

    verb: str
    fields: dict[str, Any]
    key: str | None = None
    key_ttl_ms: int = 60_000
    actor: str = "clerk"


def step(verb: str, key: str | None = None, **fields: Any) -> Step:
    return Step(verb, fields, key)


def action_of(verb: str, fields: Mapping[str, Any]) -> RowAction:
    """Turn a verb and its fields into the action that the business knows."""
    if verb in _SIMPLE:
        make, names = _SIMPLE[verb]
        action: RowAction = make(**{names.get(name, name): fields[name] for name in fields})
        return action
    lines = tuple(Line(sku, qty) for sku, qty in fields["lines"])
    if verb == "transfer":
        return TransferStock(
            fields["source"],
            fields["target"],
            lines,
            fields.get("from_version"),
            fields.get("to_version"),
        )
    if verb == "reserve":
        return ReserveStock(
            fields["id"],
            fields["store"],
            fields.get("user"),
            lines,
            fields.get("ttl"),
            fields.get("expected"),
            fields.get("reuse", False),
        )
    raise ValueError(f"nobody does {verb}")


_event_numbers: Final = count(1)


def command_of(
    asked: Step, *, retention_ms: int = _RETENTION_MS, source: SourceLine | None = None
) -> Command:
    """Make the command; its fingerprint tells two different requests apart."""
    if asked.verb == "batch":
        rows = tuple(action_of(row.verb, row.fields) for row in asked.fields["rows"])
        action: Action = ApplyBatch(rows)
    elif asked.verb in KITCHEN_ACTIONS:
        action = KITCHEN_ACTIONS[asked.verb](asked.fields)
    else:
        action = action_of(asked.verb, asked.fields)
    guard = None
    if asked.key is not None:
        guard = Idempotency(asked.key, fingerprint(asked), asked.key_ttl_ms)
    number = next(_event_numbers)
    return Command(
        action,
        f"event-{number}",
        asked.actor,
        f"request-{number}",
        guard,
        source,
        retention_ms=retention_ms,
    )


def fingerprint(asked: Step) -> str:
    """What tells one request from another; the id that the edge makes up is no part of it."""
    if asked.verb == "batch":
        return f"batch {[fingerprint(row) for row in asked.fields['rows']]}"
    said = {name: value for name, value in asked.fields.items() if name != "id"}
    named = None if asked.verb in MAKES_AN_ID else asked.fields.get("id")
    return f"{asked.verb} {said} {named}"
