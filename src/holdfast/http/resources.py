"""Records that are written as a whole, read by one id, and listed: items, locations and the like.

What their routes have in common is here; a route adds what it takes and what it is called.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from holdfast.domain.commands import Action
from holdfast.domain.records import Json, Table
from holdfast.domain.rejections import invalid, unknown
from holdfast.http.answer import Answer, etag, json_answer
from holdfast.http.call import Call
from holdfast.http.query import cursor_key, cursor_text
from holdfast.ledger.port import Reading


class Versioned(Protocol):
    """A record that counts its changes."""

    @property
    def version(self) -> int: ...


RecordT = TypeVar("RecordT", bound=Versioned)


@dataclass(frozen=True, slots=True)
class Resource(Generic[RecordT]):
    """One kind of record as the interface shows it.

    Attributes:
        table: where its records are; each has an id for its key, and a version.
        what: what people call one.
        param: what its id is called in addresses.
        body: writes one as JSON, of nothing but itself: an answer may be given again much later.
        listed: writes one for a list, which may look other records up.
    """

    table: Table[RecordT]
    what: str
    param: str
    body: Callable[[RecordT], dict[str, Json]]
    listed: Callable[[Reading, RecordT], dict[str, Json]] | None = None

    async def write(self, call: Call, action: Action, status: int = 200) -> Answer:
        """Make or change one, and answer with it."""
        outcome = await call.ledger.execute(call.command(action))
        record = next(record for table, _, record in outcome.records if table is self.table)
        return json_answer(self.body(record), status, (etag(record.version),), outcome.replayed)

    async def delete(self, call: Call, action: Action) -> Answer:
        """Delete one, and answer nothing."""
        outcome = await call.ledger.execute(call.command(action))
        return Answer(204, b"", None, (), outcome.replayed)

    async def read(self, call: Call) -> Answer:
        """Answer with the one that the address names.

        Raises:
            Rejected: it is not there.
        """
        name = call.params[self.param]
        reading = await call.ledger.read()
        record = reading.get(self.table, (name,))
        if record is None:
            raise unknown(self.what, name)
        return call.unless_known(reading, record.version, self.body(record))

    async def page(self, call: Call, wanted: Callable[[RecordT], bool] | None = None) -> Answer:
        """Answer with a page of those that are wanted, by id."""
        after = cursor_key(call.query["cursor"], 1)
        reading = await call.ledger.read()
        records, go_on = reading.page(self.table, after, call.query["limit"], wanted)
        listed = self.listed
        items = [
            self.body(record) if listed is None else listed(reading, record) for record in records
        ]
        next_cursor = None if go_on is None else cursor_text(*go_on)
        return json_answer({"items": items, "nextCursor": next_cursor})


def require_same(field: str, given: str | None, named: str) -> str:
    """Return the id that an address has; the body may give it too, but no other.

    Raises:
        Rejected: the body gives another in `field`.
    """
    if given not in {None, named}:
        raise invalid(f"/{field}", f"{field} must be {named}, as in the address, or be left out.")
    return named
