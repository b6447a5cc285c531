"""One load: the rows of one source, sent behind its mark, in order, each exactly once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from holdfast.importer.api import Api, Encoded
from holdfast.importer.errors import TRY_AGAIN, CommandFailed, bad_data
from holdfast.importer.rows import Entry, RefusedLine, Row
from holdfast.importer.screen import Screen

#: A request ends early rather than grow beyond this; the server takes four times as much.
_REQUEST_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Load:
    """What is loaded under one name."""

    source: str
    #: What it is, for people: a file's name.
    title: str
    #: Reads the rows, and the lines that were refused without asking; always the same.
    entries: Callable[[], Iterator[Entry]]
    encode: Callable[[Row], bytes]
    #: How many rows there are.
    rows: int
    #: How many lines were refused without asking.
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """How a load went."""

    #: How many rows were decided before this run came to them.
    before: int
    #: How many rows were decided in this run.
    now: int
    #: How many rows the server refused, in whichever run.
    refused: int


def send(api: Api, load: Load, rows_per_request: int, screen: Screen) -> Loaded:
    """Send what the server has not decided yet.

    Raises:
        CommandFailed: the server cannot be asked, or knows another load by this name.
    """
    place = _Place(api.source(load.source).mark)
    if place.mark:
        screen.tell(f"{load.title}: what stands up to line {place.mark} was decided before.")
    before = now = 0
    screen.begin(load.title, load.rows)
    try:
        for chunk in _chunks(load, rows_per_request):
            passed, rows = place.pass_rows(chunk)
            before += passed
            screen.advance(passed, earlier=True)
            while rows:
                _require_same(load, place)
                place.move(load, api.push(load.source, place.mark, rows))
                passed, rows = place.pass_rows(rows)
                now += passed
                screen.advance(passed)
        _require_same(load, place)
    finally:
        screen.end()
    return Loaded(before, now, api.source(load.source).refused)


class _Place:
    """Where the server is in a load, and where the reading of the file is."""

    def __init__(self, mark: int) -> None:
        self.mark = mark
        #: The last row that the mark has passed.
        self.passed = 0

    def pass_rows(self, rows: list[Encoded]) -> tuple[int, list[Encoded]]:
        """Return how many of the rows were decided, and the others."""
        count = sum(line <= self.mark for line, _ in rows)
        if count:
            self.passed = rows[count - 1][0]
        return count, rows[count:]

    def move(self, load: Load, mark: int) -> None:
        """The server went on, and it never goes back."""
        if mark < self.mark:
            raise CommandFailed(
                f"The server forgot lines of {load.source}: it was at {self.mark} and is at {mark} "
                "now. Was an older copy of its folder put back? Run the import again to load what "
                "is missing.",
                TRY_AGAIN,
            )
        self.mark = mark


def _chunks(load: Load, rows_max: int) -> Iterator[list[Encoded]]:
    rows: list[Encoded] = []
    size = 0
    for entry in load.entries():
        if isinstance(entry, RefusedLine):
            continue
        json = load.encode(entry)
        size += len(json)
        rows.append((entry.line, json))
        if len(rows) == rows_max or size >= _REQUEST_BYTES_MAX:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _require_same(load: Load, place: _Place) -> None:
    """The mark is always the line of a row; where it is not, the rows are not those of before."""
    if place.mark != place.passed:
        raise bad_data(
            f"The source {load.source} stands at line {place.mark}, but {load.title} has no row "
            "there: another file, mapping or filter was loaded under this name. "
            "Choose another name with --source."
        )


def refused_lines(api: Api, load: Load) -> Iterator[RefusedLine]:
    """Return every refused line once, rising, with what the file says there."""
    refusals = api.refusals(load.source)
    refusal = next(refusals, None)
    for entry in load.entries():
        if isinstance(entry, RefusedLine):
            yield entry
        elif refusal is not None and refusal.line == entry.line:
            quantity = str(entry.quantity)
            yield RefusedLine(
                entry.line, entry.store, entry.sku, quantity, refusal.code, refusal.detail
            )
            refusal = next(refusals, None)
