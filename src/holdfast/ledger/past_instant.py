"""Which event was the newest one at an instant, with what was due by then counted in.

Live reads write a deadline that has come before they answer. In the past it is already written, but
perhaps a moment later than it came; so the events of those deadlines, which follow directly, belong
to the instant too.
"""

from typing import Final

from holdfast.domain.events import Event
from holdfast.domain.values import instant_text
from holdfast.journal import newest_until, read_frames
from holdfast.ledger.codec import decode_event
from holdfast.ledger.past_search import Files, stock_at
from holdfast.ledger.past_values import Scope

_FRAMES: Final = 64
_FRAMES_BYTES: Final = 1 << 20


def sequence_at(files: Files, at: int) -> int:
    """Return the newest event of the instant `at` (ms), which every later event lies behind.

    Raises:
        HistoryGone: the instant lies before what is kept.
        JournalError: files cannot be read.
        Unavailable: it takes too long.
    """
    newest = newest_until(files.disk, files.segments, instant_text(at))
    while frames := read_frames(files.disk, files.segments, newest, _FRAMES, _FRAMES_BYTES):
        for frame in frames:
            files.budget.step()
            event = decode_event(frame.json)
            if not _was_due(files, event, at):
                return newest
            newest = event.sequence
    return newest


def _was_due(files: Files, event: Event, at: int) -> bool:
    """Whether the event is that of a deadline that had come by `at`.

    All that is due is written before anything else, and what came first goes first.
    """
    if event.type == "ReservationExpired":
        return all(
            held.expires_at is not None and held.expires_at <= at for held in event.reservations
        )
    if event.type == "StockUnmarkedOut" and event.facts.get("due"):
        scope = Scope(event.stock[0].store_id, event.stock[0].sku)
        before = stock_at(files, event.sequence - 1, scope)
        return bool(before) and before[0].out_until is not None and before[0].out_until <= at
    return False
