"""The comparison of what a running server shows with the replayed journal.

The server goes on working meanwhile, so a list's page is compared like this: the replay stands at an
event that the server has committed; the page is fetched; the server is asked which event it has
committed now, and the replay reads on up to that one and notes what every record becomes. The page
was made somewhere between the two, so each record on it must be one of those contents. A record
with another content at the same version, with a version that no event gave it, or missing though it
was there all the time, is a difference.

Idempotency keys cannot be asked for over HTTP; offline they are compared.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, Protocol

import orjson

from holdfast.domain.records import (
    ALERT,
    ITEM,
    MENU_ITEM,
    ORDER,
    REFUSAL,
    RESERVATION,
    SOURCE,
    STOCK,
    STORE,
    Key,
    Source,
    Table,
)
from holdfast.http.render import reservation_body, stock_body
from holdfast.http.render_catalogue import (
    alert_body,
    dish_body,
    item_body,
    location_body,
    order_body,
)
from holdfast.verify.compare import NOTHING, record_name
from holdfast.verify.differences import Difference
from holdfast.verify.replay import Replay
from holdfast.verify.window import Window

_HINT: Final = (
    "The journal is the truth. Keep a copy of the folder and of the log, stop the service, verify "
    "the folder without --url, and start again if that finds all equal; report what you saw"
)
_OTHER_FOLDER: Final = (
    "Does that server serve this folder, and this tenant? Give --data-dir, --tenant and --url of "
    "the same service"
)
#: How long the server may take to commit what its journal already holds.
_BEHIND_ATTEMPTS: Final = 50
_BEHIND_S: Final = 0.1

Json = Any


class Tip(NamedTuple):
    """The event that was asked for, and the newest one that the server has committed."""

    event: Json
    last_sequence: int


class Page(NamedTuple):
    """A part of a list, and where it goes on."""

    items: list[Json]
    next_cursor: str | None


class SourcePage(NamedTuple):
    """A load's mark, how many of its lines were refused, and some of those."""

    mark: int
    refused: int
    page: Page


class Server(Protocol):
    """What is asked of a running server. Every answer may raise CannotVerify."""

    def tip(self, sequence: int) -> Tip:
        """Return the event of that number (None: there is none), and the last sequence."""

    def page(self, path: str, cursor: str | None) -> Page:
        """Return a page of a list."""

    def source(self, name: str, cursor: str | None) -> SourcePage:
        """Return a load's state with a page of its refusals."""


def _key(item: Json, *names: str) -> Key:
    return tuple(str(item.get(name)) for name in names)


class _List(NamedTuple):
    table: Table[Any]
    path: str
    key: Callable[[Json], Key]
    body: Callable[[Any], dict[str, Json]]


_LISTS: Final = (
    _List(STOCK, "/stock", lambda item: _key(item, "storeId", "sku"), stock_body),
    _List(RESERVATION, "/reservations", lambda item: _key(item, "reservationId"), reservation_body),
    _List(ITEM, "/items", lambda item: _key(item, "sku"), item_body),
    _List(STORE, "/locations", lambda item: _key(item, "storeId"), location_body),
    _List(MENU_ITEM, "/manager/menu", lambda item: _key(item, "id"), dish_body),
    _List(ORDER, "/manager/orders", lambda item: _key(item, "id"), order_body),
    _List(ALERT, "/alerts", lambda item: _key(item, "id"), alert_body),
)


class Live:
    """One comparison; `records` counts what was compared."""

    def __init__(self, replay: Replay, read_to: Callable[[int], None], server: Server) -> None:
        """Make it of a replay, `read_to`, which takes it to an event, and a server.

        `read_to` raises CannotVerify when the journal does not come that far.
        """
        self.records = 0
        self._replay = replay
        self._read_to = read_to
        self._server = server
        self._window = replay.window = Window(replay.state)

    def differences(self) -> Iterator[Difference]:
        """Compare all that the server shows."""
        other = self._other_server()
        if other is not None:
            yield other
            return
        for each in _LISTS:
            yield from self._list_differences(each)
        for name in sorted(key[0] for key in self._replay.state.records(SOURCE)):
            yield from self._source_differences(name)

    # Standing at one event with the server.

    def _other_server(self) -> Difference | None:
        """Wait until the server has committed what was replayed; see that it is the same log."""
        sequence = self._replay.cursor.sequence
        tip = self._server.tip(sequence)
        for _ in range(_BEHIND_ATTEMPTS):
            if tip.last_sequence >= sequence:
                break
            time.sleep(_BEHIND_S)
            tip = self._server.tip(sequence)
        else:
            return self._tip_difference(
                f"event {sequence} or a later one", f"event {tip.last_sequence} is its newest"
            )
        expected = orjson.loads(self._replay.json) if sequence else None
        if tip.event != expected:
            return self._tip_difference(_text(expected), _text(tip.event))
        self._read_to(tip.last_sequence)
        return None

    def _tip_difference(self, expected: str, found: str) -> Difference:
        what = "the server's events are not those of this journal"
        sequence = self._replay.cursor.sequence
        return Difference("live", what, expected, found, _OTHER_FOLDER, sequence=sequence)

    def _catch_up(self) -> None:
        """Read on up to an event that the server has committed by now."""
        self._read_to(self._server.tip(self._replay.cursor.sequence).last_sequence)

    # Lists.

    def _list_differences(self, wanted: _List) -> Iterator[Difference]:
        cursor: str | None = None
        last: Key = ("",)
        while True:
            self._window.open()
            page = self._server.page(wanted.path, cursor)
            shown = {wanted.key(item): item for item in page.items}
            keys = list(shown)
            if keys != sorted(keys) or len(keys) != len(page.items) or (keys and keys[0] <= last):
                yield self._out_of_order(wanted.path)
                return
            up_to = None if page.next_cursor is None else max([last, *keys])
            demanded = self._window.keys(wanted.table, last, up_to)
            self._catch_up()
            yield from self._page_differences(wanted, shown, demanded)
            if page.next_cursor is None:
                return
            cursor, last = page.next_cursor, keys[-1] if keys else last

    def _page_differences(
        self, wanted: _List, shown: dict[Key, Json], demanded: list[Key]
    ) -> Iterator[Difference]:
        table = wanted.table
        for key in demanded:
            possible = self._possible(table, key)
            if key not in shown and possible and None not in possible:
                yield self._difference(table, key, wanted.body, NOTHING)
        for key, item in shown.items():
            self.records += 1
            possible = self._possible(table, key)
            if possible and not any(_shows(item, wanted.body, each) for each in possible):
                yield self._difference(table, key, wanted.body, _text(item), item.get("version"))

    def _possible(self, table: Table[Any], key: Key) -> list[Any]:
        """Return what the record may be on the page; empty: nothing can be said."""
        if self._window.is_forgotten(table, key):
            return []
        return self._window.contents(table, key)

    def _out_of_order(self, path: str) -> Difference:
        what = f"the list {path} does not rise from page to page"
        return Difference("live", what, "each record once, in order", "another order", _HINT)

    def _difference(
        self,
        table: Table[Any],
        key: Key,
        body: Callable[[Any], dict[str, Json]],
        found: str,
        version: int | None = None,
    ) -> Difference:
        contents = [each for each in self._window.contents(table, key) if each is not None]
        same = [each for each in contents if version is not None and each.version == version]
        expected = (same or contents)[-1:]
        name = record_name(table.name, key)
        what = f"the server shows another {name}"
        if same:
            what += f" at the same version {version}"
        elif version is not None and contents:
            what += ": a version that no event gave it"
        return Difference(
            "live",
            what,
            _text(body(expected[0])) if expected else NOTHING,
            found,
            _HINT,
            sequence=self._replay.writer(table.name, key),
        )

    # Loads.

    def _source_differences(self, name: str) -> Iterator[Difference]:
        cursor: str | None = None
        last = 0
        while True:
            self._window.open()
            shown = self._server.source(name, cursor)
            items = {int(item["line"]): item for item in shown.page.items}
            up_to = None if shown.page.next_cursor is None else max([last, *items])
            limit = None if up_to is None else (name, f"{up_to:016d}")
            demanded = self._refused_lines(name, last, limit)
            self._catch_up()
            found = Source(name, shown.mark, shown.refused)
            self.records += 1
            if found not in self._possible(SOURCE, (name,)):
                yield self._difference(SOURCE, (name,), Source._asdict, _text(found._asdict()))
            yield from self._refusal_differences(name, items, demanded)
            if up_to is None:
                return
            cursor, last = shown.page.next_cursor, up_to

    def _refused_lines(self, name: str, last: int, limit: Key | None) -> list[Key]:
        above = (name, f"{last:016d}")
        return self._window.keys(REFUSAL, above, limit or (name, "~"))

    def _refusal_differences(
        self, name: str, items: dict[int, Json], demanded: list[Key]
    ) -> Iterator[Difference]:
        shown: dict[Key, Json] = {(name, f"{line:016d}"): items[line] for line in items}
        for key in sorted({*demanded, *shown}):
            self.records += 1
            record, item = self._replay.state.get(REFUSAL, key), shown.get(key)
            expected = None
            if record is not None:
                expected = {"line": record.line, "code": record.code, "detail": record.detail}
            if item != expected:
                what = f"the server shows another {record_name(REFUSAL.name, key)}"
                sequence = self._replay.writer(REFUSAL.name, key)
                yield Difference(
                    "live", what, _text(expected), _text(item), _HINT, sequence=sequence
                )


def _shows(item: Json, body: Callable[[Any], dict[str, Json]], record: Any) -> bool:  # noqa: ANN401 - a record of the list's table
    """Whether the item shows the record; members that come from elsewhere do not count."""
    if record is None:
        return False
    expected = body(record)
    shown = {name: item.get(name) for name in expected}
    return shown == expected and orjson.dumps(shown) == orjson.dumps(expected)


def _text(value: Json) -> str:
    return NOTHING if value is None else orjson.dumps(value).decode()
