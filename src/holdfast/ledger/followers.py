"""Those who are told of every event, in its order, once it is durable."""

from collections.abc import Callable, Sequence

import structlog

from holdfast.domain.events import Event
from holdfast.domain.records import Change
from holdfast.ledger.port import Follower

_log = structlog.get_logger("holdfast.ledger")


class Followers:
    """Calls the followers; one that fails is dropped."""

    def __init__(self, tenant_id: str) -> None:
        self._tenant_id = tenant_id
        self._followers: list[Follower] = []
        self._waiting: list[Follower] = []

    def __bool__(self) -> bool:
        return bool(self._followers)

    @property
    def are_waiting(self) -> bool:
        """Whether any of them waits for events, so that the ledger must stay open."""
        return bool(self._waiting)

    def add(self, follower: Follower, waits: bool) -> Callable[[], None]:
        """Call `follower` at every event from now on; the answer ends it."""
        self._followers.append(follower)
        if waits:
            self._waiting.append(follower)
        return lambda: self._drop(follower)

    def tell(self, event: Event, changes: Sequence[Change]) -> None:
        """Tell everybody of an event that was just committed."""
        for follower in tuple(self._followers):
            try:
                follower(event, changes)
            except Exception:  # noqa: BLE001 - what is durable is committed, whoever fails at it
                self._drop(follower)
                _log.exception(
                    "a follower failed and was dropped",
                    tenant=self._tenant_id,
                    sequence=event.sequence,
                )

    def _drop(self, follower: Follower) -> None:
        for followers in (self._followers, self._waiting):
            if follower in followers:
                followers.remove(follower)
