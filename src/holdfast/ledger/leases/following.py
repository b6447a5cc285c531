"""Taking in what other processes wrote: as if it had been decided here, and had just become durable."""

from collections.abc import Callable

from holdfast.domain.evolve import evolve
from holdfast.journal import News, SharedJournal
from holdfast.ledger.clock import TenantClock
from holdfast.ledger.codec import decode_event
from holdfast.ledger.journal_guard import JournalGuard
from holdfast.ledger.staged import StagedView


class Following:
    """Keeps one ledger's records up to the journal. Nothing of its own may be staged meanwhile."""

    def __init__(
        self,
        *,
        journal: SharedJournal,
        staged: StagedView,
        clock: TenantClock,
        commit: Callable[[int], None],
        arm: Callable[[], None],
        guard: JournalGuard,
    ) -> None:
        self._journal = journal
        self._staged = staged
        self._clock = clock
        self._commit = commit
        self._arm = arm
        self._guard = guard

    def take_a_page(self) -> bool:
        """Take in a page of what the watermark proves; whether that was all.

        Raises:
            JournalError: it cannot be read.
        """
        news = self._journal.news()
        if news is None:
            return True
        self.take_over(news)
        return news.is_all

    def take_over(self, news: News) -> None:
        """Lay events over the records, and show them to readers and followers.

        A turn that was lost while it began may come too late with what a reader took in meanwhile:
        nothing is taken in twice.
        """
        known = self._journal.durable.sequence
        if news.position.cursor.sequence < known:
            return
        try:
            for frame in news.frames:
                if frame.sequence <= known:
                    continue
                event = decode_event(frame.json)
                self._staged.stage(event, evolve(self._staged, event), frame.json)
                self._clock.not_before(event.ts)
        except Exception as bug:
            self._staged.drop()
            self._guard.stop(f"what another process wrote is not understood: {bug!r}")
            raise
        self._journal.follow(news)
        self._commit(self._journal.durable.sequence)
        self._arm()
