"""The port: what one tenant's durable stock offers, whatever keeps it."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from holdfast.domain.commands import Command
from holdfast.domain.events import Event
from holdfast.domain.records import (
    Change,
    Key,
    Outcome,
    RecordT,
    Refusal,
    Reservation,
    StockRecord,
    Table,
)
from holdfast.domain.rejections import Rejected
from holdfast.ledger.past_values import AsOf, Explanation, Scope

#: Is called once per event, in sequence order, after the event is durable and visible.
Follower = Callable[[Event, Sequence[Change]], None]


class Unavailable(Exception):
    """The ledger cannot decide now; nothing that was asked is known to have happened.

    Attributes:
        code: `read_only` (nothing was written), `journal_unavailable` (the write's outcome is
            unknown until it is repeated with the same key).
        detail: one sentence that a person can act on.
        retry_after_ms: when it is worth asking again.
    """

    def __init__(self, code: str, detail: str, retry_after_ms: int) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after_ms = retry_after_ms


class ReservationFilter(NamedTuple):
    """Which reservations to list; None does not filter."""

    status: str | None = None
    user_id: str | None = None
    store_id: str | None = None


class LoggedEvent(NamedTuple):
    """An event as it stands in the journal."""

    sequence: int
    json: bytes


class Reading(Protocol):
    """Committed records at one moment of the tenant's time. Use it without awaiting in between."""

    #: The newest event in it.
    sequence: int
    #: The tenant's time, in ms.
    now: int
    #: False while deadlines had to be worked out instead of written: send no `ETag` then.
    exact: bool

    def get(self, table: Table[RecordT], key: Key) -> RecordT | None:
        """Return the record of that key, or None."""

    def records(self, table: Table[RecordT]) -> Mapping[Key, RecordT]:
        """Return a whole table."""

    def stock_page(
        self, store_id: str | None, sku: str | None, after: Key | None, limit: int
    ) -> list[StockRecord]:
        """Return up to `limit` stock records with (storeId, sku) above `after`, in that order."""

    def page(
        self,
        table: Table[RecordT],
        after: Key | None,
        limit: int,
        wanted: Callable[[RecordT], bool] | None = None,
    ) -> tuple[list[RecordT], Key | None]:
        """Return up to `limit` wanted records by key, above `after`, and where to go on, if at all.

        For the tables that are listed: `STOCK`, `STORE`, `ITEM`, `MENU_ITEM`, `ORDER`, `ALERT`,
        `LOW_STOCK` and `RESERVATION`.
        """

    def sku_page(self, after: str, limit: int) -> list[str]:
        """Return up to `limit` SKUs above `after` that any store has, rising."""

    def reservation_page(
        self, wanted: ReservationFilter, after: Key | None, limit: int
    ) -> tuple[list[Reservation], Key | None]:
        """Return up to `limit` reservations by id, above `after`, and where to go on, if at all."""

    def refusal_page(self, source: str, after_line: int, limit: int) -> list[Refusal]:
        """Return up to `limit` refused lines of a source, above `after_line`, rising."""


class Past(Protocol):
    """Answers for the past. Every method may raise what follows.

    Raises:
        Rejected: `asOf` lies ahead (`validation_error`), or before what is kept (`history_gone`).
        Overloaded: others ask for the past already.
        Unavailable: it takes too long, or files cannot be read.
    """

    async def read(self, as_of: AsOf, scope: Scope) -> Reading:
        """Return the stock records of `scope`, and their stores, as they were."""

    async def read_reservation(self, as_of: AsOf, reservation_id: str) -> Reading:
        """Return a reading that holds this reservation as it was, if it was."""

    async def read_dish(self, as_of: AsOf, dish_id: str) -> Reading:
        """Return a reading that holds this dish as it was, if it was, and its recipe's items."""

    async def explain(self, store_id: str, sku: str, as_of: AsOf | None) -> Explanation | None:
        """Take a stock record apart, as it is or was; None: there is no such record."""


class Ledger(Protocol):
    """One tenant's stock: every write goes through `execute`, every read through `read`."""

    tenant_id: str

    @property
    def past(self) -> Past:
        """What answers for the past."""

    async def execute(self, command: Command) -> Outcome:
        """Decide a command and make it durable.

        Returns:
            What it came to; on disk, and nothing that it was decided on is less durable.

        Raises:
            Rejected: the business says no; that too rests on durable facts only.
            Unavailable: nothing can be decided or written now.
        """

    async def execute_many(
        self, commands: Sequence[Command], stop_when_unavailable: bool = False
    ) -> list[Outcome | Rejected | Unavailable]:
        """Decide many commands in order, sharing flushes and the loop with everybody else.

        Returns:
            One result per command. With `stop_when_unavailable` the list ends with the first
            `Unavailable`, or with the first row of a load that does not follow its source's mark,
            and commands behind it were not decided.
        """

    async def read(self) -> Reading:
        """Return the committed records; a deadline that is due is written first."""

    async def events(self, after: int, limit: int, wait_s: float = 0.0) -> list[LoggedEvent]:
        """Return durable events behind `after`, oldest first; waits up to `wait_s` for the first.

        Raises:
            Rejected: `history_gone`: events behind `after` are no longer kept.
        """

    def follow(self, follower: Follower, *, waits: bool = True) -> Callable[[], None]:
        """Call `follower` at every event from now on; the answer ends it.

        Args:
            follower: is called until it fails, or until the ledger is closed.
            waits: whether it wants events so much that the ledger must stay open for it.
        """

    @property
    def writable(self) -> bool:
        """Whether writes are decided now."""

    @property
    def last_sequence(self) -> int:
        """The newest durable event."""
