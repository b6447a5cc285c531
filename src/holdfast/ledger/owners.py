"""Whose active reservations there are: an index over the staged view, made again from records."""

from collections.abc import Iterable

from holdfast.domain.records import ACTIVE, Key, Reservation


class Owners:
    """Finds a user's active one-line reservations of one SKU in one store."""

    def __init__(self) -> None:
        #: (storeId, sku, userId) → the ids, oldest first; nearly always it is one.
        self._open: dict[Key, dict[str, None] | str] = {}

    def reset(self, reservations: Iterable[Reservation]) -> None:
        """Forget all and start from `reservations`."""
        self._open = {}
        for reservation in reservations:
            self.note(reservation)

    def note(self, reservation: Reservation) -> None:
        """Follow a reservation that was just put into the view."""
        mine, store_id, user_id, status, lines, *_ = reservation
        if user_id is None or len(lines) != 1:
            return
        key = (store_id, lines[0].sku, user_id)
        if status != ACTIVE:
            self._discard(key, mine)
            return
        held = self._open.setdefault(key, mine)
        if held is mine:
            return
        if isinstance(held, dict):
            held[mine] = None
        elif held != mine:
            self._open[key] = {held: None, mine: None}

    def _discard(self, key: Key, mine: str) -> None:
        held = self._open.get(key)
        if isinstance(held, dict):
            held.pop(mine, None)
        if held in (mine, {}):
            del self._open[key]

    def of(self, store_id: str, sku: str, user_id: str) -> tuple[str, ...]:
        """Return their ids, oldest first."""
        held = self._open.get((store_id, sku, user_id), ())
        return (held,) if isinstance(held, str) else tuple(held)
