"""Whether the tenant's journal can be written, and how it comes back by itself.

A journal that failed is never asked again by the commands that wait: the breaker opens and the
tenant is read-only, until the cool-down is over and a single probe tries to begin a segment.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from holdfast.journal import Journal, JournalError
from holdfast.ledger.port import Unavailable
from holdfast.resilience.breaker import Breaker, BreakerState, Ticket

_log = structlog.get_logger("holdfast.ledger")

#: What counts the transitions to a state.
_COUNTERS: Final[dict[BreakerState, str]] = {
    "open": "breakerOpen",
    "half_open": "breakerHalfOpen",
    "closed": "breakerClosed",
}
#: Somebody has to make room, which takes longer than this.
_FULL_RETRY_MS: Final = 5_000
#: When it is worth asking a tenant again that was closed while nobody asked it.
_CLOSED_RETRY_MS = 100


class JournalGuard:
    """Opens on failure, probes after the cool-down, closes when the probe lands."""

    def __init__(
        self,
        tenant_id: str,
        journal: Journal,
        breaker: Breaker,
        on_back: Callable[[], None],
        count: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._tenant_id = tenant_id
        self._journal = journal
        self._on_back = on_back
        self._count = count
        self._probe: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self._stopped: str | None = None
        self._full: str | None = None
        #: Why no command is accepted though the journal could take it, if that is so.
        self._refused: str | None = None
        #: Nothing is written any more, and nothing that is read is current.
        self.closed = False
        self.breaker = breaker
        breaker.on_change = self._note_change

    @property
    def failed_to_write(self) -> bool:
        """Whether nothing is staged, because the disk said no and has not come back since."""
        return self.breaker.state != "closed" and self._stopped is None and not self.closed

    @property
    def is_full(self) -> bool:
        """Whether commands are refused because the disk has no room for more."""
        return self._full is not None and not self.closed

    @property
    def accepts(self) -> bool:
        """Whether a command may be decided and written now."""
        return self._journal.writable and self.breaker.state == "closed" and self._refused is None

    @property
    def writable(self) -> bool:
        """Whether what falls due by itself may be written now, on a full disk too.

        The journal alone does not tell: it is open again a moment before `on_back` was called.
        """
        return self._journal.writable and self.may_be_tried

    @property
    def may_be_tried(self) -> bool:
        """Whether nothing is known that keeps the journal from being written."""
        return self.breaker.state == "closed" and self._stopped is None

    def read_only(self) -> Unavailable:
        """Say that nothing is written now, and that nothing was."""
        if self.closed:
            return Unavailable(
                "tenant_unavailable",
                "This tenant was closed meanwhile. Nothing was written; send it again.",
                _CLOSED_RETRY_MS,
            )
        if self._stopped is not None:
            return Unavailable("read_only", f"This tenant was stopped: {self._stopped}.", 60_000)
        if self._full is not None and self.breaker.state == "closed":
            return Unavailable("read_only", self._full, _FULL_RETRY_MS)
        return Unavailable(
            "read_only",
            "The stock can be read but not changed at the moment: the disk refused a write. "
            "Nothing was written; try again in a while.",
            max(1, self.breaker.retry_after_ms()),
        )

    def outcome_unknown(self) -> Unavailable:
        """Say that the disk failed with the caller's event in its hands."""
        return Unavailable(
            "journal_unavailable",
            "The disk failed while this was being written, so its outcome is unknown: "
            "repeat the request with the same Idempotency-Key to find out.",
            max(1, self.breaker.retry_after_ms()),
        )

    def failed(self, error: JournalError) -> None:
        """The journal failed and is not writable; go on with a probe after the cool-down."""
        _log.error("journal failed, tenant is read-only", tenant=self._tenant_id, error=str(error))
        self.breaker.trip()
        self._schedule()

    def stop(self, why: str) -> None:
        """Decide nothing any more: a rule that always holds was broken."""
        self._stopped = self._refused = why
        _log.critical("tenant stopped", tenant=self._tenant_id, why=why)

    def note_space(self, full: str | None) -> None:
        """Refuse commands with this sentence while the disk is nearly full; None: no longer."""
        self._full = full
        self._refused = self._stopped or full

    def close(self) -> None:
        """Make no more probes, not even when the last flush fails."""
        self.closed = True
        # Its owner is not needed any more, nor does the breaker need this.
        self._on_back = lambda: None
        self.breaker.on_change = lambda *_: None
        if self._probe is not None:
            self._probe.cancel()

    def _schedule(self) -> None:
        if self.closed:
            return
        loop = asyncio.get_running_loop()
        self._probe = loop.call_later(self.breaker.retry_after_ms() / 1000, self._start_probe)

    def _start_probe(self) -> None:
        ticket = self.breaker.allow()
        if ticket is None:
            self._schedule()
        else:
            self._probe = asyncio.get_running_loop().create_task(self._reopen(ticket))

    async def _reopen(self, ticket: Ticket) -> None:
        try:
            await self._journal.reopen()
        except JournalError as error:
            _log.warning("journal probe failed", tenant=self._tenant_id, error=str(error))
            self.breaker.failed(ticket)
            self._schedule()
            return
        self.breaker.succeeded(ticket)
        # It may have failed once more while the probe's news were on their way.
        if self.breaker.state == "closed":
            _log.warning("journal is writable again", tenant=self._tenant_id)
            self._on_back()

    def _note_change(self, before: BreakerState, now: BreakerState) -> None:
        self._count(_COUNTERS[now])
        _log.warning("breaker", breaker=f"journal:{self._tenant_id}", was=before, now=now)
