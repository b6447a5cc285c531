"""What one may ask of stock as it was, and what the answers hold."""

from typing import NamedTuple

from holdfast.domain.records import Alert, Item, Key, Reservation, StockRecord


class AsOf(NamedTuple):
    """A place in the past: behind an event, or at an instant (ms). Exactly one of them is given."""

    sequence: int | None = None
    at: int | None = None


class Scope(NamedTuple):
    """Which stock records a reading of the past holds; None does not restrict.

    They are the first `limit` of those whose (storeId, sku) is above `above`, in that order.
    """

    store_id: str | None = None
    sku: str | None = None
    above: Key | None = None
    limit: int | None = None


class Cause(NamedTuple):
    """The event that made something what it is."""

    sequence: int
    at: int
    type: str
    actor: str
    reason: str | None


class Held(NamedTuple):
    """What an active reservation holds of the SKU; `cause` last wrote the reservation."""

    reservation: Reservation
    qty: int
    cause: Cause | None


class Explanation(NamedTuple):
    """One stock record taken apart, as it was behind one event.

    A cause is None when the events from `searched_from` on do not tell it: it lies further back.
    What is reserved and not among `held` is so for reservations that are as old.
    """

    sequence: int
    at: int
    record: StockRecord
    on_hand: Cause | None
    #: What marked the SKU as out; None while it is not.
    out: Cause | None
    #: Those that end first come first.
    held: tuple[Held, ...]
    searched_from: int
    item: Item | None = None
    #: The alert that is not resolved; known of the present only.
    alert: Alert | None = None

    @property
    def next_release(self) -> int | None:
        """The earliest deadline, in ms, of what is known to be held."""
        ends = (each.reservation.expires_at for each in self.held)
        return min((at for at in ends if at is not None), default=None)
